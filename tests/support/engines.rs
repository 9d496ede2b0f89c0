//! Tests that run on both engines, each within a time.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, Builder};
use std::time::Duration;

use tokio::runtime;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Makes each test twice: `mod sqlite` and `mod postgres`.
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($engine:ident: Engine) $body:block)*) => {
        $($(#[$meta])* async fn $name($engine: $crate::support::engines::Engine) $body)*

        mod sqlite {
            $(#[test]
            fn $name() { $crate::support::engines::ends(|| super::$name($crate::support::engines::Engine::Sqlite)); })*
        }

        mod postgres {
            $(#[test]
            fn $name() { $crate::support::engines::ends(|| super::$name($crate::support::engines::Engine::Postgres)); })*
        }
    };
}
pub(crate) use both_engines;

/// What no test needs. One that hangs fails by its name, instead of taking all the others' time.
const LONGEST_TEST: Duration = Duration::from_mins(10);

/// Runs a test to its end, what it leaves behind included.
pub(crate) fn ends<T: Future<Output = ()>>(test: impl FnOnce() -> T + Send + 'static) {
    ends_within(LONGEST_TEST, test);
}

/// It has a thread of its own, so whatever blocks it, and the runtime with it, does not block who waits here.
fn ends_within<T: Future<Output = ()>>(limit: Duration, test: impl FnOnce() -> T + Send + 'static) {
    let (running, ended) = channel::<()>();
    let whose = thread::current().name().unwrap_or_default().to_owned();
    let body = Builder::new().name(whose).spawn(move || {
        let _running = running;
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("threads").block_on(Box::pin(test()));
    });
    let body = body.expect("a thread");
    match ended.recv_timeout(limit) {
        Err(RecvTimeoutError::Timeout) => panic!("the test hangs:\n{}", whereabouts()),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            if let Err(panic) = body.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// What each thread of the process waits for (a system call's number and arguments), and the processes it has started: who hangs
/// is among them.
fn whereabouts() -> String {
    let mut lines = Vec::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let of = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default().trim().to_owned();
        lines.push(format!("{} {} in {} {}", task.file_name().display(), of("comm"), of("syscall"), of("wchan")));
        for child in of("children").split_whitespace() {
            let command = fs::read(Path::new("/proc").join(child).join("cmdline")).unwrap_or_default();
            lines.push(format!("  started {child} {}", String::from_utf8_lossy(&command).replace('\0', " ")));
        }
    }
    lines.join("\n")
}

/// A test that blocks its thread, as one that asks a program which never answers; the runtime is of no help then.
#[test]
fn a_test_that_hangs_fails_and_tells_where() {
    let (never, told) = channel::<()>();
    let hangs = async move || {
        let _nothing = told.recv();
    };
    let panic = thread::spawn(move || ends_within(Duration::from_millis(1), hangs)).join().expect_err("it hangs");
    let said = panic.downcast_ref::<String>().expect("it says so");
    assert!(said.starts_with("the test hangs:\n"), "{said}");
    drop(never);
}

#[test]
#[should_panic = "it is wrong"]
fn a_test_that_fails_says_why() {
    ends(async || panic!("it is wrong"));
}
