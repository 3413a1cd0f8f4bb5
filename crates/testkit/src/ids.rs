use parlor_domain::id::Ids;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::{Uuid, Variant, Version};

const LOW_62_BITS: u64 = (1 << 62) - 1;

/// Ids that are the same in every run: the ordered ones rise, the random ones are distinct and in no order.
///
/// Two of them give the same ids; nodes that share a store share one.
#[derive(Debug)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    /// Counts from one.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(1))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) & LOW_62_BITS
    }
}

impl Default for SequentialIds {
    fn default() -> Self {
        Self::new()
    }
}

/// A UUID with this version, these 48 first bits and these 62 last bits.
fn shaped(version: Version, first: u64, last: u64) -> Uuid {
    let bits = (u128::from(first) << 80) | u128::from(last);
    uuid::Builder::from_u128(bits).with_version(version).with_variant(Variant::RFC4122).into_uuid()
}

impl Ids for SequentialIds {
    fn ordered(&self) -> Uuid {
        shaped(Version::SortRand, crate::FixedClock::START.0.unsigned_abs(), self.next())
    }

    fn random(&self) -> Uuid {
        // An odd factor reaches each 62-bit number once, far from its neighbours.
        let mixed = self.next().wrapping_mul(0x9E37_79B9_7F4A_7C15) & LOW_62_BITS;
        shaped(Version::Random, mixed >> 14, mixed)
    }
}
