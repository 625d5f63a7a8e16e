-- The demo workload: what the shop asks its database, with calls per minute as weights.

-- name: email_report
-- weight: 5
-- params big_domain (weight 9): '%@gmail.com'
-- params rare_domain (weight 1): '%@corp7.example'
SELECT u.email, COUNT(o.id) AS order_count, SUM(o.total) AS total_spent
FROM users u LEFT JOIN orders o ON u.id = o.user_id
WHERE u.email LIKE $1
GROUP BY u.id, u.email
ORDER BY total_spent DESC;

-- name: user_by_email
-- weight: 60
-- params known (weight 9): 'user1321@yahoo.com'
-- params unknown (weight 1): 'nobody@nowhere.example'
SELECT id, name, country, preferences FROM users WHERE email = $1;

-- name: login
-- weight: 20
-- params mixed_case: 'user1358@outlook.com'
SELECT id, email, is_active FROM users WHERE lower(email) = $1;

-- name: recent_orders
-- weight: 60
-- params frequent (weight 9): 923, 10
-- params seldom (weight 1): 1889, 10
SELECT id, status, total, created_at
FROM orders
WHERE user_id = $1
ORDER BY created_at DESC, id DESC
LIMIT $2;

-- name: order_history
-- weight: 20
-- params one_user: 1664
SELECT o.id, o.created_at, p.name, i.quantity, i.price
FROM orders o
JOIN order_items i ON i.order_id = o.id
JOIN products p ON p.id = i.product_id
WHERE o.user_id = $1
ORDER BY o.created_at DESC, i.id;

-- name: newest_with_status
-- weight: 10
-- params common (weight 9): 'delivered', 20
-- params old_only (weight 1): 'returned', 20
SELECT id, user_id, total, created_at
FROM orders
WHERE status = $1
ORDER BY created_at DESC, id DESC
LIMIT $2;

-- name: pending_queue
-- weight: 6
SELECT id, user_id, total
FROM orders
WHERE status = 'pending'
ORDER BY created_at, id
LIMIT 50;

-- name: large_orders
-- weight: 5
-- params one_month (weight 3): 480, '2024-06-01', '2024-07-01'
-- params one_year (weight 1): 505, '2024-01-01', '2025-01-01'
SELECT id, user_id, total, created_at
FROM orders
WHERE total >= $1 AND created_at >= $2 AND created_at < $3
ORDER BY total DESC, id
LIMIT 50;

-- name: product_search
-- weight: 120
-- params one_brand (weight 3): '{"brand": "brand-17", "color": "blue"}'
-- params one_color (weight 1): '{"color": "red"}'
SELECT id, name, price FROM products WHERE attributes @> $1::jsonb ORDER BY price, id LIMIT 20;

-- name: last_order_of_each
-- weight: 3
-- params small_city: 'NZ-2-2'
SELECT u.id, u.email, (SELECT max(o.created_at) FROM orders o WHERE o.user_id = u.id) AS last_order
FROM users u
WHERE u.city = $1
ORDER BY u.id;

-- name: best_orders_of_each
-- weight: 5
-- params one_country: 'PT'
SELECT user_id, id, total
FROM (SELECT o.user_id, o.id, o.total,
             row_number() OVER (PARTITION BY o.user_id ORDER BY o.total DESC, o.id) AS place
      FROM orders o JOIN users u ON u.id = o.user_id
      WHERE u.country = $1) AS ranked
WHERE place <= 3
ORDER BY user_id, place;

-- name: place_order
-- weight: 30
-- params three_items: 1242, 129.70, '2026-01-02 03:04:05+00', '{11,102,173}', '{1,2,1}', '{59.90,19.90,30.00}'
WITH placed AS (
    INSERT INTO orders (user_id, status, total, created_at, updated_at)
    VALUES ($1, 'pending', $2, $3, $3)
    RETURNING id
)
INSERT INTO order_items (order_id, product_id, quantity, price)
SELECT placed.id, item.product_id, item.quantity, item.price
FROM placed, unnest($4::bigint[], $5::integer[], $6::numeric[]) AS item (product_id, quantity, price);

-- name: change_status
-- weight: 10
-- params twenty_orders: 'shipped', '2026-01-02 03:04:05+00', '{11,510,1009,1508,2007,2506,3005,3504,4003,4502,5001,5500,5999,6498,6997,7496,7995,8494,8993,9492}'
UPDATE orders SET status = $1, updated_at = $2 WHERE id = ANY ($3::bigint[]);
