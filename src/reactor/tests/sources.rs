//! Sockets: readiness, hang-up, and the end of their registration.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use super::*;

type Watched = super::Watched<mio::net::UnixStream>;

async fn read(watched: &Watched, buffer: &mut [u8]) -> io::Result<usize> {
    let asked = buffer.len();
    let count = watched
        .operate(Direction::Read, |mut it| it.read(buffer))
        .await?;
    if 0 < count && count < asked {
        watched.drained(Direction::Read);
    }
    Ok(count)
}

async fn write_all(watched: &Watched, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = watched
            .operate(Direction::Write, |mut it| it.write(bytes))
            .await?;
        if count < bytes.len() {
            watched.drained(Direction::Write);
        }
        bytes = &bytes[count..];
    }
    Ok(())
}

#[test]
fn two_tasks_use_the_two_directions_of_one_socket() {
    const BYTES: usize = 1 << 20;
    play(async {
        let (one, other) = socket_pair();
        let (one, other) = (
            Rc::new(Watched::new(one).unwrap()),
            Watched::new(other).unwrap(),
        );
        let writer = Rc::clone(&one);
        let sent = spawn(async move { write_all(&writer, &vec![7; BYTES]).await });
        let received = spawn(async move {
            let mut buffer = [0; 3000];
            let mut total = 0;
            while total < BYTES {
                total += read(&one, &mut buffer).await.unwrap();
            }
        });
        // The peer sends all back, one small piece at a time.
        let mut buffer = [0; 1000];
        let mut total = 0;
        while total < BYTES {
            let count = read(&other, &mut buffer).await.unwrap();
            write_all(&other, &buffer[..count]).await.unwrap();
            total += count;
        }
        sent.await.unwrap();
        received.await;
    });
}

#[test]
fn a_hang_up_together_with_the_last_data_is_not_lost() {
    play(async {
        let (one, mut other) = socket_pair();
        let watched = Watched::new(one).unwrap();
        let reader = spawn(async move {
            let mut buffer = [0; 64];
            let first = read(&watched, &mut buffer).await.unwrap();
            // A short read: only the remembered hang-up says that the end
            // needs no further event.
            (first, read(&watched, &mut buffer).await.unwrap())
        });
        yield_now().await;
        other.write_all(b"last").unwrap();
        drop(other);
        assert_eq!(reader.await, (4, 0));
    });
}

#[test]
fn data_and_hang_up_before_the_first_look_are_not_lost() {
    play(async {
        let (one, mut other) = socket_pair();
        other.write_all(b"early").unwrap();
        drop(other);
        let watched = Watched::new(one).unwrap();
        let mut buffer = [0; 3];
        let mut counts = Vec::new();
        loop {
            let count = read(&watched, &mut buffer).await.unwrap();
            counts.push(count);
            if count == 0 {
                break;
            }
        }
        assert_eq!(counts, [3, 2, 0]);
    });
}

#[test]
fn of_two_tasks_in_one_direction_none_is_forgotten() {
    play(async {
        let (one, mut other) = socket_pair();
        let watched = Rc::new(Watched::new(one).unwrap());
        let group = TaskGroup::new();
        for _ in 0..2 {
            let watched = Rc::clone(&watched);
            group.spawn(async move {
                assert_eq!(read(&watched, &mut [0; 1]).await.unwrap(), 1);
            });
        }
        yield_now().await;
        other.write_all(b"ab").unwrap();
        group.join().await;
    });
}

#[test]
fn a_spurious_wake_waits_again() {
    play(async {
        let (one, mut other) = socket_pair();
        let watched = Rc::new(Watched::new(one).unwrap());
        let reader = Rc::clone(&watched);
        let task = spawn(async move { read(&reader, &mut [0; 1]).await.unwrap() });
        yield_now().await;
        // Replacing its waker wakes it although nothing has come.
        let impatient = timeout(Duration::from_millis(1), read(&watched, &mut [0; 1])).await;
        assert!(impatient.is_err() && !task.is_finished());
        other.write_all(b"a").unwrap();
        assert_eq!(task.await, 1);
    });
}

#[test]
fn interrupted_calls_are_repeated() {
    play(async {
        let (one, _other) = socket_pair();
        let watched = Watched::new(one).unwrap();
        let tries = Cell::new(0);
        let outcome = watched.operate(Direction::Write, |_| {
            tries.set(tries.get() + 1);
            match tries.get() {
                3 => Ok("done"),
                _ => Err(io::ErrorKind::Interrupted.into()),
            }
        });
        assert_eq!(outcome.await.unwrap(), "done");
    });
}

#[test]
fn nothing_is_tried_that_is_known_to_block() {
    play(async {
        let (one, _other) = socket_pair();
        let watched = Watched::new(one).unwrap();
        watched.drained(Direction::Read);
        let tried = watched.try_operate(Direction::Read, |_| -> io::Result<()> {
            panic!("the source was known not to be ready")
        });
        assert_eq!(tried.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

/// The sources that the loop's epoll descriptor watches, its waker included.
#[cfg(target_os = "linux")]
fn registrations() -> usize {
    use std::os::fd::AsRawFd;
    let descriptor = EventLoop::current().poll.borrow().as_raw_fd();
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap();
    info.lines().filter(|it| it.starts_with("tfd:")).count()
}

#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(miri, ignore = "Miri has no /proc")]
fn a_source_is_deregistered_before_it_is_closed() {
    play(async {
        let (one, mut other) = socket_pair();
        // A duplicate, as a child process may hold it, keeps the socket open
        // and would keep its registration.
        let duplicate = one.as_fd().try_clone_to_owned().unwrap();
        let watched = Watched::new(one).unwrap();
        assert_eq!(registrations(), 2);
        drop(watched);
        assert_eq!(registrations(), 1);
        other.write_all(b"nobody hears").unwrap();
        yield_now().await;
        drop(duplicate);
    });
}

#[test]
fn a_source_may_outlive_its_loop() {
    let watched = play(async {
        let (one, _other) = socket_pair();
        Watched::new(one).unwrap()
    });
    drop(watched);
}
