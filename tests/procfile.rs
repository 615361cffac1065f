//! The daemon of `examples/procfile` as its users meet it: a program with files, signals, exit
//! codes and other programs below it.

#[path = "procfile/bad_input.rs"]
mod bad_input;
#[path = "procfile/clients.rs"]
mod clients;
#[path = "procfile/daemon.rs"]
mod daemon;
#[path = "procfile/forms.rs"]
mod forms;
#[path = "procfile/groups.rs"]
mod groups;
#[path = "procfile/orders.rs"]
mod orders;
#[path = "../benches/examples/program.rs"]
mod program;
#[path = "procfile/real.rs"]
mod real;
#[path = "procfile/reload.rs"]
mod reload;
#[path = "daemons/until.rs"]
mod until;

use until::until;
