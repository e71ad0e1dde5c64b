//! Waits until a moment, to some microseconds: the runtime's own timers are late by up to a millisecond, which would be most of
//! what a fast server takes.

use std::io;
use std::time::Instant;

/// One timer of a thread.
#[derive(Debug)]
pub struct Alarm {
    #[cfg(target_os = "linux")]
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Alarm {
    /// Needs the runtime that it will be waited on.
    pub fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its successor is `unsafe` because of inner types that close what they show; this one owns it"
        )]
        let timer = tokio::io::unix::AsyncFd::with_interest(timer, tokio::io::Interest::READABLE)?;
        Ok(Self { timer })
    }

    /// Done at that moment; at once when it is past.
    pub async fn until(&self, moment: Instant) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let value = Timespec { tv_sec: seconds, tv_nsec: left.subsec_nanos().into() };
        let timer = Itimerspec { it_interval: never, it_value: value };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &timer)?;
        loop {
            let mut ready = self.timer.readable().await?;
            // What a timer set before has left behind may still be there to be read.
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0u8; 8])?));
            match read {
                Ok(Ok(_)) if Instant::now() >= moment => return Ok(()),
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
