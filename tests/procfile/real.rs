//! On real programs: redis, nginx and a web server in Python, killed while clients use them.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::daemon::{Daemon, Place, kill};
use crate::until;

/// How often each program is killed.
const ROUNDS: usize = 3;

struct Ports {
    redis: u16,
    nginx: u16,
    python: u16,
}

impl Ports {
    fn free() -> Self {
        // All held until all are known, so that they differ.
        let bound = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("one is free"));
        let [redis, nginx, python] =
            bound.map(|bound| bound.local_addr().expect("it is bound").port());
        Self {
            redis,
            nginx,
            python,
        }
    }
}

/// nginx passes all on to Python, so it starts after it.
fn three(ports: &Ports) -> Place {
    let Ports {
        redis,
        nginx,
        python,
    } = ports;
    let text = format!(
        "\
[programs.nginx]
command = 'nginx -e stderr -p . -c nginx.conf'
ready = {{ port = {nginx} }}
after = ['python', 'redis']
stop = [{{ signal = 'QUIT', wait = 5.0 }}]

[programs.redis]
command = 'redis-server --port {redis} --bind 127.0.0.1 --save \"\"'
ready = {{ line = 'Ready to accept connections' }}

[programs.python]
command = 'python3 -u -m http.server {python} --bind 127.0.0.1'
ready = {{ port = {python} }}
"
    );
    let place = Place::new("all.toml", &text);
    let conf = format!(
        "daemon off; pid nginx.pid; worker_processes 2; events {{ }}
         http {{
             access_log off;
             client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
             uwsgi_temp_path temp; scgi_temp_path temp;
             server {{
                 listen 127.0.0.1:{nginx};
                 location = /nginx {{ return 200 'nginx'; }}
                 location / {{ proxy_pass http://127.0.0.1:{python}; }}
             }}
         }}"
    );
    fs::write(place.folder().join("nginx.conf"), conf).expect("there is room");
    fs::write(place.folder().join("hello"), "hello\n").expect("there is room");
    place
}

/// Clients that go on whatever happens, until they are dropped.
struct Load(Vec<Child>);

impl Load {
    fn on(ports: &Ports) -> Self {
        let redis = format!(
            "while :; do redis-benchmark -q -t set,get -n 2000 -c 10 -p {}; done",
            ports.redis
        );
        let nginx = format!(
            "while :; do wrk -t1 -c4 -d1 http://127.0.0.1:{}/nginx; done",
            ports.nginx
        );
        Self([redis, nginx].map(client).into())
    }
}

fn client(script: String) -> Child {
    let mut command = Command::new("setsid");
    // It ends with its group.
    command.args(["timeout", "120", "sh", "-c", &script]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("it can be started")
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let group = format!("kill -KILL -{}", child.id());
            let _ = Command::new("sh").args(["-c", &group]).status();
            let _ = child.wait();
        }
    }
}

/// What a client gets, if the server answers.
fn get(port: u16, path: &str) -> Option<String> {
    let url = format!("http://127.0.0.1:{port}/{path}");
    let output = Command::new("curl")
        .args(["-sf", "--max-time", "5", &url])
        .output();
    let output = output.expect("it is installed");
    let text = String::from_utf8(output.stdout).expect("it is text");
    output.status.success().then_some(text)
}

fn ping(port: u16) -> bool {
    let port = port.to_string();
    let output = Command::new("redis-cli")
        .args(["-p", &port, "ping"])
        .output();
    output.expect("it is installed").stdout == b"PONG\n"
}

/// Kills a program and sees it come back.
fn kill_and_see_back(daemon: &Daemon, name: &str) {
    let before = daemon.pid(name);
    kill("KILL", before);
    until(&format!("{name} is back"), || daemon.pid(name) != before);
}

#[test]
fn real_programs_are_started_in_order_and_are_back_after_each_kill() {
    // L1, R5, R12. What is left is looked for by a mark in the environment.
    let ports = Ports::free();
    let daemon = three(&ports).up();
    let shown = daemon.shown();
    let at = |text: &str| {
        shown
            .find(text)
            .unwrap_or_else(|| panic!("{text:?}:\n{shown}"))
    };
    assert!(
        at("| starts: nginx") > at("Ready to accept connections"),
        "{shown}"
    );
    assert_eq!(get(ports.nginx, "hello").as_deref(), Some("hello\n"));
    let load = Load::on(&ports);
    for _ in 0..ROUNDS {
        for name in ["redis", "nginx", "python"] {
            kill_and_see_back(&daemon, name);
        }
        until("redis answers", || ping(ports.redis));
        until("nginx answers", || {
            get(ports.nginx, "nginx").as_deref() == Some("nginx")
        });
        until("python answers", || {
            get(ports.nginx, "hello").as_deref() == Some("hello\n")
        });
    }
    drop(load);
    let nginx = daemon.pid("nginx");
    let workers = children(nginx);
    assert_eq!(workers.len(), 2, "{workers:?}");
    daemon.down();
    for worker in workers {
        assert!(
            !Path::new(&format!("/proc/{worker}")).exists(),
            "{worker} is left"
        );
    }
}

fn children(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("it runs");
    children
        .split_whitespace()
        .map(|pid| pid.parse().expect("it is a number"))
        .collect()
}
