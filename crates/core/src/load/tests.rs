use super::*;

#[test]
fn items_are_drawn_as_often_as_their_weights_say() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut counts = [0; 3];
    for _ in 0..4000 {
        counts[draw(&[1.0, 0.0, 3.0], |weight| *weight, &mut random)] += 1;
    }
    assert_eq!(counts[1], 0);
    assert!((800..1200).contains(&counts[0]), "{counts:?}");
    assert_eq!(draw(&[] as &[f64], |weight| *weight, &mut random), 0);
}

#[tokio::test]
async fn calls_are_due_at_the_rate_and_what_nobody_takes_is_told() {
    let begin = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    let hour = Duration::from_secs(3600);
    let late = Schedule { begin, end: begin + hour, rate: Some(10.0), next: AtomicU64::new(0) };
    // Clients that were busy for a second take the calls that were due long ago, and these count from then.
    for number in 0..10u32 {
        assert_eq!(late.next().await, Some(begin + Duration::from_millis(100) * number));
    }
    assert_eq!(late.not_sent(), 36_000 - 10);
    let over = Schedule {
        begin,
        end: begin + Duration::from_millis(900),
        rate: Some(10.0),
        next: AtomicU64::new(0),
    };
    assert_eq!((over.next().await, over.not_sent()), (None, 9));
    let closed = Schedule { begin, end: begin + hour, rate: None, next: AtomicU64::new(0) };
    assert!(closed.next().await.is_some_and(|due| due > begin));
}
