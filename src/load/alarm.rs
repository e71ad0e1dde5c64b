//! Waits until a moment, to some microseconds: the runtime's own timers are late by up to a millisecond, which would be most of
//! what a fast server takes.

use std::io;
use std::time::Instant;

/// One timer of a thread.
#[derive(Debug)]
pub struct Alarm {
    #[cfg(target_os = "linux")]
    timer: tokio::io::unix::AsyncFd<Timer>,
}

/// The system's timer, as the runtime wants to see it.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Timer(nix::sys::timerfd::TimerFd);

#[cfg(target_os = "linux")]
impl std::os::fd::AsRawFd for Timer {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        use std::os::fd::AsFd;
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(target_os = "linux")]
impl Alarm {
    /// Needs the runtime that it will be waited on.
    pub fn new() -> io::Result<Self> {
        use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its successor is `unsafe` because of inner types that close what they show; this one owns it"
        )]
        let timer = tokio::io::unix::AsyncFd::with_interest(Timer(timer), tokio::io::Interest::READABLE)?;
        Ok(Self { timer })
    }

    /// Done at that moment; at once when it is past.
    pub async fn until(&self, moment: Instant) -> io::Result<()> {
        use nix::sys::time::TimeSpec;
        use nix::sys::timerfd::{Expiration, TimerSetTimeFlags};
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let left = Expiration::OneShot(TimeSpec::from_duration(left));
        self.timer.get_ref().0.set(left, TimerSetTimeFlags::empty())?;
        loop {
            let mut ready = self.timer.readable().await?;
            // What a timer set before has left behind may still be there to be read.
            let read = ready.try_io(|timer| Ok(timer.get_ref().0.wait()?));
            match read {
                Ok(Ok(())) if Instant::now() >= moment => return Ok(()),
                Ok(Err(error)) => return Err(error),
                _ => {}
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    /// The runtime's timer.
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Done at that moment, or up to a millisecond later.
    pub async fn until(&self, moment: Instant) -> io::Result<()> {
        tokio::time::sleep_until(moment.into()).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_never_rings_early() {
        let alarm = Alarm::new().expect("a timer");
        for wait in [0, 50, 1_000, 3_000] {
            let moment = Instant::now() + Duration::from_micros(wait);
            alarm.until(moment).await.expect("it waits");
            assert!(Instant::now() >= moment);
        }
    }
}
