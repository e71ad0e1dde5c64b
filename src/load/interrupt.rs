//! What ends a run before its time: the first Ctrl-C or SIGTERM ends what is measured, the second one the process. The command listens
//! for them; `conductor` and the scenarios about single clients ask and wait by a handle. What stopping means is for those to say:
//! here nothing of a run is known. Who never listens for signals, as a test, stops a run by the handle alone.

use std::io;
use std::time::Duration;

use tokio::sync::watch;

use super::progress::Screen;
use super::words::seconds;

/// What a process exits with that Ctrl-C ends, as shells have it.
const ENDED: i32 = 130;

/// A handle; all clones of it are the same.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Sender<bool>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Interrupt {
    /// One that the first signal from now on stops, and at once says so there. A second signal ends the process.
    pub fn by_signals(screen: Screen) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::listen()?
        };
        let interrupt = Self::default();
        let handle = interrupt.clone();
        let listening = async move {
            signals.next().await;
            screen.note("stopping: nothing more is sent, and what was measured is kept; Ctrl-C again ends it at once");
            handle.stop();
            signals.next().await;
            screen.clear();
            std::process::exit(ENDED);
        };
        let thread = std::thread::Builder::new().name("load signals".to_owned());
        thread.spawn(move || runtime.block_on(listening))?;
        Ok(interrupt)
    }

    /// What is measured is to end now.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is to.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Done when it is to.
    pub async fn stopped(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|is_stopped| *is_stopped).await;
    }

    /// What comes of something, or nothing if all is to end before that.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopped() => None,
            done = work => Some(done),
        }
    }
}

/// What a record says of a run that was stopped so long after measuring began.
pub fn note(after: Duration, planned: Duration) -> String {
    format!("stopped early by a signal, after {} of {}", seconds(after), seconds(planned))
}

/// The signals that end a run. One that came before it is asked for is not lost.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clone_stops_the_same_run_and_what_comes_later_does_not_begin() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.unless_stopped(async { 1 }).await, Some(1));
        let clone = interrupt.clone();
        let waiting = tokio::spawn(async move { clone.unless_stopped(std::future::pending::<()>()).await });
        interrupt.stop();
        assert_eq!(waiting.await.unwrap(), None);
        assert!(interrupt.is_stopped());
        assert_eq!(interrupt.unless_stopped(async { 1 }).await, None);
    }

    #[test]
    fn how_long_a_run_was_is_said_as_people_do() {
        let said = note(Duration::from_millis(2_130), Duration::from_secs(30));
        assert_eq!(said, "stopped early by a signal, after 2.13 s of 30 s");
        assert!(note(Duration::from_hours(1), Duration::from_hours(8)).ends_with("after 3,600 s of 28,800 s"));
    }
}
