//! Threads for work that can wait: what takes long, or as long as its caller likes, runs beside those that serve, and gives way
//! to them where cores are short.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

/// How nice they are: of a core that is wanted by all, one of these gets a tenth of what one that serves gets (sched(7)).
const NICE: i32 = 10;

/// A few threads that give way. None is started before there is work.
pub struct Nice {
    builder: Mutex<Builder>,
    runtime: OnceLock<Runtime>,
}

impl Nice {
    /// At most `count` threads with this name, for work that blocks. What is more waits. One that has had nothing to do for ten
    /// seconds ends.
    pub fn new(name: &str, count: usize) -> Self {
        // Nothing is driven on it: it has its threads for blocking work alone.
        let mut builder = Builder::new_current_thread();
        builder.thread_name(name).max_blocking_threads(count);
        Self::built_by(builder)
    }

    /// So many threads with this name for tasks. They stay.
    pub fn for_tasks(name: &str, count: usize) -> Self {
        let mut builder = Builder::new_multi_thread();
        builder.thread_name(name).worker_threads(count).enable_all();
        Self::built_by(builder)
    }

    fn built_by(mut builder: Builder) -> Self {
        builder.on_thread_start(give_way);
        Self { builder: Mutex::new(builder), runtime: OnceLock::new() }
    }

    /// Where its work is sent: tasks by `spawn`, or what blocks by `spawn_blocking`. The system may refuse the threads.
    pub fn handle(&self) -> io::Result<&Handle> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.handle());
        }
        // Held meanwhile, so that there is one.
        let mut builder = self.builder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.handle());
        }
        let made = builder.build()?;
        Ok(self.runtime.get_or_init(|| made).handle())
    }
}

impl Drop for Nice {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not awaited: it is dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}

/// Makes the calling thread nicer, unless it is already.
fn give_way() {
    // On Linux a priority is a thread's (setpriority(2)); elsewhere it would be the whole process's.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let made = getpriority_process(None)
            .and_then(|nice| if nice < NICE { setpriority_process(None, NICE) } else { Ok(()) });
        if let Err(error) = made {
            tracing::warn!(%error, "a thread for long work can't give way to others");
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn its_threads_give_way_and_no_other_does() {
        let own = getpriority_process(None).unwrap();
        let nice = Nice::new("nice", 2);
        let work = || getpriority_process(None).unwrap();
        for _ in 0..3 {
            assert_eq!(nice.handle().unwrap().spawn_blocking(work).await.unwrap(), own.max(NICE));
        }
        let tasks = Nice::for_tasks("tasks", 1);
        assert_eq!(tasks.handle().unwrap().spawn(async move { work() }).await.unwrap(), own.max(NICE));
        assert_eq!(getpriority_process(None).unwrap(), own);
        assert_eq!(tokio::task::spawn_blocking(work).await.unwrap(), own);
    }
}
