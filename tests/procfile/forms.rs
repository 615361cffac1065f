//! Files as people and their editors write them.

use crate::daemon::Place;
use crate::until;

#[test]
fn a_procfile_from_any_editor_is_read() {
    // A mark at its beginning, ends of lines of another system, tabs, and no end of the last line.
    let text = "\u{feff}# ours\r\n\r\n\tweb :\techo web is here; exec sleep 1000 # or so\r\n\
                x: echo \"it's\" 'a \"b\"' | cat; sleep 1000";
    let daemon = Place::new("Procfile", text).up();
    daemon.until_shown("| web is here\n", 1);
    daemon.until_shown("| it's a \"b\"\n", 1);
    daemon.down();
}

#[test]
fn variables_are_those_of_who_started_it() {
    // Nothing is added: neither a port nor what a file `.env` says.
    let text = "web: FOO=bar sh -c 'echo \"$FOO ${PORT:-none} $XDG_RUNTIME_DIR\"'; sleep 1000\n";
    let daemon = Place::new("Procfile", text).up();
    let folder = daemon.place().folder().display().to_string();
    daemon.until_shown(&format!("| bar none {folder}\n"), 1);
    daemon.down();
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    // Wherever the daemon was started.
    let place = Place::new("sub/all.toml", "");
    place.write(
        "[programs.plain]\ncommand = './script plain'\n\
         [programs.shell]\ncommand = 'cd . && ./script shell'\n\
         [programs.below]\ncommand = '../script below'\ncwd = 'below'\n",
    );
    std::fs::create_dir(place.folder().join("sub/below")).unwrap();
    place.write_script(
        "script",
        "#!/bin/sh\necho $1 in ${PWD##*/}\nexec sleep 1000\n",
    );
    let daemon = place.up();
    for line in ["| plain in sub\n", "| shell in sub\n", "| below in below\n"] {
        daemon.until_shown(line, 1);
    }
    daemon.down();
}

#[test]
fn an_empty_line_of_a_program_is_shown() {
    // What is shown is what was said.
    let daemon = Place::new("Procfile", "web: echo; echo end; exec sleep 1000\n").up();
    daemon.until_shown("| end\n", 1);
    let shown = daemon.shown();
    assert!(
        shown.lines().any(|line| line.trim_end().ends_with('|')),
        "{shown}"
    );
    until("it is kept", || {
        daemon.told(&["logs", "web"]).contains("\n\nend\n")
    });
    daemon.down();
}
