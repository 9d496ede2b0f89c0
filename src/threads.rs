//! Threads for work that can wait: what takes long, or as long as its caller likes, runs beside those that serve, and gives way
//! to them where cores are short.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// How nice they are: of a core that is wanted by all, one of these gets a tenth of what one that serves gets (sched(7)).
const NICE: i32 = 10;

/// A few threads that give way. They come when there is work, and go when there has been none for ten seconds.
pub struct Nice(Option<Runtime>);

impl Nice {
    /// At most `count` threads with this name. What is more waits.
    pub fn new(name: &str, count: usize) -> io::Result<Self> {
        // Nothing is driven on it: it has its threads for blocking work alone.
        let runtime = Builder::new_current_thread()
            .thread_name(name)
            .max_blocking_threads(count)
            .on_thread_start(give_way)
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// So many threads with this name for tasks. They stay.
    pub fn for_tasks(name: &str, count: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name(name)
            .worker_threads(count)
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Where its work is sent: tasks by `spawn`, or what blocks by `spawn_blocking`.
    pub fn handle(&self) -> io::Result<&Handle> {
        self.0.as_ref().map(Runtime::handle).ok_or_else(|| io::Error::other("its threads have ended"))
    }
}

impl Drop for Nice {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
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
        let nice = Nice::new("nice", 2).unwrap();
        let work = || getpriority_process(None).unwrap();
        for _ in 0..3 {
            assert_eq!(nice.handle().unwrap().spawn_blocking(work).await.unwrap(), own.max(NICE));
        }
        let tasks = Nice::for_tasks("tasks", 1).unwrap();
        assert_eq!(tasks.handle().unwrap().spawn(async move { work() }).await.unwrap(), own.max(NICE));
        assert_eq!(getpriority_process(None).unwrap(), own);
        assert_eq!(tokio::task::spawn_blocking(work).await.unwrap(), own);
    }
}
