//! The allocator of the binary.
//!
//! Spans are read into many large vectors, which are freed partition by partition while tables of all kinds grow. The C library
//! keeps what is freed, so the process ends up with the sum of both. jemalloc gives pages back that were not used for a while.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What jemalloc reads when the process starts: pages that were not used for 200 ms go back to the system, instead of 10 s, which is
/// longer than most runs; at once would have most of them fetched again.
#[expect(
    unsafe_code,
    reason = "jemalloc has no other way to be told before it hands out memory; it reads text that ends with a zero"
)]
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: &[u8; 36] = b"dirty_decay_ms:200,muzzy_decay_ms:0\0";
