//! Computing Argon2id hashes of passwords: so many at once, in memory that is
//! used again, and for clients that have left after all others.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

use super::carried::to_the_end;
use crate::protocol::store::Password;
use crate::reactor::{Limit, Permit, blocking};

/// Hashes that are computed at once: each takes 19 MiB and a processor for some
/// hundredths of a second.
const AT_ONCE: usize = 2;

/// Who computes, and in which memory. Clones share both.
#[derive(Clone)]
pub(super) struct Hashing {
    places: Limit,
    /// Of those whose clients have finished sending, one at a time is in the queue.
    last: Limit,
    /// What nobody computes in now: the allocator would keep some for each thread.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Hashing {
    pub(super) fn new() -> Self {
        Self {
            places: Limit::new(AT_ONCE),
            last: Limit::new(1),
            memory: Arc::default(),
        }
    }

    /// A new hash of a password, as a PHC string.
    ///
    /// # Errors
    /// There is no randomness, or no memory.
    pub(super) async fn hash(
        &self,
        password: Password,
        has_left: &dyn Fn() -> bool,
    ) -> io::Result<String> {
        self.compute(has_left, move |memory| {
            let params = Params::default();
            let salt = Salt::generate();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
            let output = output(
                &argon2,
                &password,
                &salt,
                Params::DEFAULT_OUTPUT_LEN,
                memory,
            )?;
            let hash = PasswordHash {
                algorithm: ARGON2ID_IDENT,
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(params).map_err(io::Error::other)?,
                salt: Some(salt),
                hash: Some(output),
            };
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether a hash is one of this password.
    ///
    /// # Errors
    /// It is no hash, or there is no memory.
    pub(super) async fn verify(
        &self,
        hash: String,
        password: Password,
        has_left: &dyn Fn() -> bool,
    ) -> io::Result<bool> {
        self.compute(has_left, move |memory| {
            let hash = PasswordHash::new(&hash).map_err(io::Error::other)?;
            let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
                return Err(io::Error::other("there is no hash of the password"));
            };
            let algorithm = Algorithm::try_from(hash.algorithm.as_str());
            let version = hash
                .version
                .map_or(Ok(Version::default()), Version::try_from);
            let argon2 = Argon2::new(
                algorithm.map_err(io::Error::other)?,
                version.map_err(io::Error::other)?,
                Params::try_from(&hash).map_err(io::Error::other)?,
            );
            // Outputs are compared in constant time.
            Ok(output(&argon2, &password, salt, expected.len(), memory)? == *expected)
        })
        .await
    }

    /// Waits for a place, which a drop gives up, and computes there to the end.
    async fn compute<T: Send + 'static>(
        &self,
        has_left: &dyn Fn() -> bool,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> T {
        let place = self.place(has_left).await;
        let memory = Arc::clone(&self.memory);
        // The place is taken for as long as the memory is.
        let computing = async move {
            let _place = place;
            blocking(move || {
                let free = || memory.lock().unwrap_or_else(PoisonError::into_inner);
                let mut blocks = free().pop().unwrap_or_default();
                let output = work(&mut blocks);
                free().push(blocks);
                output
            })
            .await
        };
        to_the_end(computing).await
    }

    /// A place. Who has finished sending may still want the answer, and gets it
    /// after those who can go on with theirs.
    async fn place(&self, has_left: &dyn Fn() -> bool) -> Permit {
        let place = self.places.acquire().await;
        if !has_left() {
            return place;
        }
        drop(place);
        let _last = self.last.acquire().await;
        self.places.acquire().await
    }
}

fn output(
    argon2: &Argon2<'_>,
    password: &Password,
    salt: &Salt,
    length: usize,
    memory: &mut Vec<Block>,
) -> io::Result<Output> {
    let count = argon2.params().block_count();
    if memory.len() < count {
        let more = count - memory.len();
        memory.try_reserve_exact(more).map_err(io::Error::other)?;
        memory.resize(count, Block::new());
    }
    let mut bytes = vec![0; length];
    argon2
        .hash_password_into_with_memory(password.bytes(), salt, &mut bytes, memory)
        .map_err(io::Error::other)?;
    Output::new(&bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use argon2::PasswordVerifier;
    use futures_lite::future;

    use super::*;
    use crate::reactor::{run, spawn};

    fn password(text: &str) -> Password {
        Password::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn hashes_are_those_of_everybody() {
        run(async {
            let hashing = Hashing::new();
            let hash = hashing.hash(password("a"), &|| false).await.unwrap();
            assert!(
                hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
                "{hash}"
            );
            assert!(Argon2::default().verify_password(b"a", &*hash).is_ok());
            assert!(Argon2::default().verify_password(b"b", &*hash).is_err());
            for (given, is_right) in [("a", true), ("b", false)] {
                let verified = hashing.verify(hash.clone(), password(given), &|| false);
                assert_eq!(verified.await.unwrap(), is_right);
            }
            let again = hashing.hash(password("a"), &|| false).await.unwrap();
            assert_ne!(hash, again, "another salt");
            // Whatever the cost of a hash was when it was made, after any other.
            let cheap = Argon2::new(
                Algorithm::Argon2i,
                Version::V0x10,
                Params::new(64, 1, 2, Some(16)).unwrap(),
            );
            let cheap = argon2::PasswordHasher::hash_password_with_salt(&cheap, b"a", b"saltsalt");
            let cheap = cheap.unwrap().to_string();
            let verified = hashing.verify(cheap, password("a"), &|| false);
            assert!(verified.await.unwrap());
        })
        .unwrap();
    }

    #[test]
    fn memory_is_used_again() {
        run(async {
            let hashing = Hashing::new();
            let hash = || hashing.hash(password("a"), &|| false);
            let four = future::zip(future::zip(hash(), hash()), future::zip(hash(), hash()));
            assert!(four.await.0.0.is_ok());
            let memory = hashing.memory.lock().unwrap();
            let lengths: Vec<usize> = memory.iter().map(Vec::len).collect();
            assert!(
                !lengths.is_empty() && lengths.len() <= AT_ONCE,
                "{lengths:?}"
            );
            assert!(lengths.iter().all(|it| *it == 19456), "{lengths:?}");
        })
        .unwrap();
    }

    #[test]
    fn who_has_left_comes_last() {
        run(async {
            let hashing = Hashing::new();
            let order = Rc::new(RefCell::new(Vec::new()));
            let one = |left: bool| {
                let (hashing, order) = (hashing.clone(), Rc::clone(&order));
                spawn(async move {
                    let hash = hashing.hash(password("a"), &|| left).await;
                    assert!(hash.is_ok());
                    order.borrow_mut().push(left);
                })
            };
            let mut all: Vec<_> = (0..8).map(|_| one(true)).collect();
            all.push(one(false));
            for it in all {
                it.await;
            }
            let place = order.borrow().iter().position(|left| !left);
            // One of the others is always next.
            assert!(place.is_some_and(|it| it <= 4), "{order:?}");
        })
        .unwrap();
    }

    #[test]
    fn a_place_that_nobody_waits_for_is_given_up() {
        run(async {
            let hashing = Hashing::new();
            let mut waiting: Vec<_> = (0..50)
                .map(|_| Box::pin(hashing.hash(password("a"), &|| false)))
                .collect();
            for it in &mut waiting {
                assert!(future::poll_once(it).await.is_none());
            }
            drop(waiting);
            assert!(hashing.hash(password("a"), &|| false).await.is_ok());
            assert!(hashing.memory.lock().unwrap().len() <= AT_ONCE);
        })
        .unwrap();
    }
}
