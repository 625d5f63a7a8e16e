-- Pairs of texts over schema.sql. `--! same` pairs mean the same on every database that the schema allows;
-- `--! differs` pairs do not, however alike they look. `--! with` holds parameter values as a JSON list.

--! same: IN to EXISTS
SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE status = 'open')
--! into
SELECT c.id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.status = 'open')

--! same: NOT IN over a column that is never NULL
SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)
--! into
SELECT c.id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)

--! same: NOT EXISTS to an anti-join
SELECT p.id FROM products p WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.product_id = p.id)
--! into
SELECT p.id FROM products p LEFT JOIN items i ON i.product_id = p.id WHERE i.order_id IS NULL

--! same: EXISTS to a join that is made distinct by a key
SELECT c.id, c.name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)
--! into
SELECT DISTINCT c.id, c.name FROM customers c JOIN orders o ON o.customer_id = c.id

--! same: a correlated count, with zero for those without
SELECT c.id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) AS n FROM customers c
--! into
SELECT c.id, coalesce(o.n, 0) AS n FROM customers c LEFT JOIN (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) o ON o.customer_id = c.id

--! same: a correlated sum
SELECT c.id, (SELECT sum(o.total) FROM orders o WHERE o.customer_id = c.id) AS spent FROM customers c
--! into
SELECT c.id, o.spent FROM customers c LEFT JOIN (SELECT customer_id, sum(total) AS spent FROM orders GROUP BY customer_id) o ON o.customer_id = c.id

--! same: OR to UNION ALL with a guard that knows NULL
SELECT id, city, credit FROM customers WHERE city = 'Oslo' OR credit > 100
--! into
SELECT id, city, credit FROM customers WHERE city = 'Oslo' UNION ALL SELECT id, city, credit FROM customers WHERE credit > 100 AND (city = 'Oslo') IS NOT TRUE

--! same: OR to IN
SELECT id FROM orders WHERE status = 'open' OR status = 'paid'
--! into
SELECT id FROM orders WHERE status IN ('open', 'paid')

--! same: IN to ANY of an array
SELECT id FROM orders WHERE status IN ('open', 'paid')
--! into
SELECT id FROM orders WHERE status = ANY ('{open,paid}'::order_status[])

--! same: BETWEEN to two comparisons
SELECT id FROM products WHERE price BETWEEN 10 AND 20
--! into
SELECT id FROM products WHERE price >= 10 AND price <= 20

--! same: an outer join that a filter makes an inner one
SELECT o.id, i.line FROM orders o LEFT JOIN items i ON i.order_id = o.id WHERE i.quantity > 1
--! into
SELECT o.id, i.line FROM orders o JOIN items i ON i.order_id = o.id WHERE i.quantity > 1

--! same: DISTINCT over a key
SELECT DISTINCT id, name FROM customers
--! into
SELECT id, name FROM customers

--! same: a join that only follows a foreign key
SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id
--! into
SELECT o.id FROM orders o

--! same: an outer join to a key that nothing reads
SELECT i.order_id, i.line FROM items i LEFT JOIN products p ON p.id = i.product_id
--! into
SELECT i.order_id, i.line FROM items i

--! same: counting to EXISTS
SELECT c.id FROM customers c WHERE (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) > 0
--! into
SELECT c.id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)

--! same: a filter pushed into a CTE
WITH s AS (SELECT customer_id, sum(total) AS spent FROM orders GROUP BY customer_id) SELECT * FROM s WHERE customer_id = 7
--! into
WITH s AS (SELECT customer_id, sum(total) AS spent FROM orders WHERE customer_id = 7 GROUP BY customer_id) SELECT * FROM s

--! same: HAVING on a group's key to WHERE
SELECT status, count(*) AS n FROM orders GROUP BY status HAVING status <> 'open'
--! into
SELECT status, count(*) AS n FROM orders WHERE status <> 'open' GROUP BY status

--! same: a function on a date to a range
SELECT id FROM orders WHERE date_trunc('month', shipped_on::timestamp) = '2024-02-01'
--! into
SELECT id FROM orders WHERE shipped_on >= '2024-02-01' AND shipped_on < '2024-03-01'

--! same: a year to a range
SELECT id FROM orders WHERE extract(year FROM shipped_on) = 2023
--! into
SELECT id FROM orders WHERE shipped_on BETWEEN '2023-01-01' AND '2023-12-31'

--! same: UNION to DISTINCT over UNION ALL
SELECT customer_id AS id FROM visits UNION SELECT id FROM customers
--! into
SELECT DISTINCT id FROM (SELECT customer_id AS id FROM visits UNION ALL SELECT id FROM customers) s

--! same: INTERSECT to EXISTS over a key
SELECT id FROM customers INTERSECT SELECT customer_id FROM orders
--! into
SELECT c.id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)

--! same: a greatest value to a limited order, as a subquery
SELECT c.id, (SELECT max(o.total) FROM orders o WHERE o.customer_id = c.id) AS top FROM customers c
--! into
SELECT c.id, (SELECT o.total FROM orders o WHERE o.customer_id = c.id AND o.total IS NOT NULL ORDER BY o.total DESC LIMIT 1) AS top FROM customers c

--! same: a sum over a window to a join
SELECT o.id, sum(o.discount) OVER (PARTITION BY o.customer_id) AS s FROM orders o
--! into
SELECT o.id, g.s FROM orders o JOIN (SELECT customer_id, sum(discount) AS s FROM orders GROUP BY customer_id) g ON g.customer_id = o.customer_id

--! same: NULL-safe equality written out
SELECT a.id AS a, b.id AS b FROM customers a JOIN customers b ON a.city IS NOT DISTINCT FROM b.city
--! into
SELECT a.id AS a, b.id AS b FROM customers a JOIN customers b ON a.city = b.city OR (a.city IS NULL AND b.city IS NULL)

--! same: COALESCE that a comparison makes superfluous
SELECT id FROM customers WHERE coalesce(credit, 0) > 5
--! into
SELECT id FROM customers WHERE credit > 5

--! same: De Morgan
SELECT id FROM customers WHERE NOT (city = 'Oslo' AND credit > 5)
--! into
SELECT id FROM customers WHERE city <> 'Oslo' OR credit <= 5

--! same: late materialization under a total order
SELECT id, total, status FROM orders ORDER BY ordered_at, id LIMIT 5
--! into
SELECT o.id, o.total, o.status FROM (SELECT id FROM orders ORDER BY ordered_at, id LIMIT 5) k JOIN orders o USING (id) ORDER BY o.ordered_at, o.id

--! same: late materialization under ties, which the text leaves open
SELECT id, discount FROM orders ORDER BY discount LIMIT 3
--! into
SELECT o.id, o.discount FROM (SELECT id FROM orders ORDER BY discount LIMIT 3) k JOIN orders o USING (id) ORDER BY 2

--! same: an order by position and by name
SELECT name, city FROM customers ORDER BY city DESC, name
--! into
SELECT c.name, c.city FROM customers c ORDER BY 2 DESC, 1

--! same: the newest of each, by DISTINCT ON and by number
SELECT DISTINCT ON (customer_id) customer_id, id FROM orders ORDER BY customer_id, ordered_at DESC, id DESC
--! into
SELECT customer_id, id FROM (SELECT customer_id, id, row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC, id DESC) AS n FROM orders) s WHERE n = 1 ORDER BY customer_id

--! same: the newest of each, by LATERAL and by DISTINCT ON
SELECT c.name, o.id FROM customers c CROSS JOIN LATERAL (SELECT id FROM orders WHERE customer_id = c.id ORDER BY ordered_at DESC, id DESC LIMIT 1) o
--! into
SELECT c.name, o.id FROM customers c JOIN (SELECT DISTINCT ON (customer_id) customer_id, id FROM orders ORDER BY customer_id, ordered_at DESC, id DESC) o ON o.customer_id = c.id

--! same: containment of one text value
SELECT id FROM products WHERE attrs @> '{"color": "red"}'
--! into
SELECT id FROM products WHERE attrs -> 'color' = '"red"'

--! same: a subquery that may fail, in a CTE
SELECT id FROM orders WHERE customer_id = (SELECT id FROM customers WHERE name = 'a')
--! into
WITH one AS MATERIALIZED (SELECT id FROM customers WHERE name = 'a') SELECT id FROM orders WHERE customer_id = (SELECT id FROM one)

--! same: counting distinct values that are never NULL
SELECT count(DISTINCT customer_id) AS n FROM orders
--! into
SELECT count(*) AS n FROM (SELECT customer_id FROM orders GROUP BY customer_id) s

--! same: a conditional sum to a filtered count, in groups
SELECT customer_id, sum(CASE WHEN status = 'open' THEN 1 ELSE 0 END) AS n FROM orders GROUP BY customer_id
--! into
SELECT customer_id, count(*) FILTER (WHERE status = 'open') AS n FROM orders GROUP BY customer_id

--! same: a view written out
SELECT id FROM open_orders WHERE total > 10
--! into
SELECT id FROM orders WHERE status = 'open' AND total > 10

--! same: a recursion with its join turned around
WITH RECURSIVE t AS (SELECT id FROM customers WHERE id = 1 UNION SELECT c.id FROM customers c JOIN t ON c.referred_by = t.id) SELECT id FROM t
--! into
WITH RECURSIVE t AS (SELECT id FROM customers WHERE id = 1 UNION SELECT c.id FROM t JOIN customers c ON t.id = c.referred_by) SELECT id FROM t

--! same: a range of parameters
--! with: ["2024-01-01", "2024-02-01"]
SELECT id FROM orders WHERE ordered_at >= $1 AND ordered_at < $2
--! into
SELECT id FROM orders WHERE NOT (ordered_at < $1) AND NOT (ordered_at >= $2)

--! same: a page of parameters
--! with: ["3", "1"]
SELECT id FROM orders ORDER BY id LIMIT $1 OFFSET $2
--! into
SELECT id FROM (SELECT id FROM orders) s ORDER BY s.id LIMIT $1 OFFSET $2

--! differs: NOT IN with NULL
SELECT id FROM products WHERE id NOT IN (SELECT product_id FROM items)
--! into
SELECT p.id FROM products p WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.product_id = p.id)

--! differs: the count bug, by an inner join
SELECT c.id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) AS n FROM customers c
--! into
SELECT c.id, count(*) AS n FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id

--! differs: the count bug, by NULL for zero
SELECT c.id, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) AS n FROM customers c
--! into
SELECT c.id, o.n FROM customers c LEFT JOIN (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) o ON o.customer_id = c.id

--! differs: an outer join made an inner one
SELECT i.order_id, p.sku FROM items i LEFT JOIN products p ON p.id = i.product_id
--! into
SELECT i.order_id, p.sku FROM items i JOIN products p ON p.id = i.product_id

--! differs: UNION for UNION ALL
SELECT page FROM visits WHERE seconds > 10 UNION ALL SELECT page FROM visits WHERE seconds <= 10
--! into
SELECT page FROM visits WHERE seconds > 10 UNION SELECT page FROM visits WHERE seconds <= 10

--! differs: UNION ALL for UNION
SELECT id FROM customers WHERE credit > 400 UNION SELECT id FROM customers WHERE city = 'Rome'
--! into
SELECT id FROM customers WHERE credit > 400 UNION ALL SELECT id FROM customers WHERE city = 'Rome'

--! differs: a total order lost under LIMIT
SELECT id, total FROM orders ORDER BY total DESC, id LIMIT 3
--! into
SELECT id, total FROM orders ORDER BY total DESC LIMIT 3

--! differs: a total order over a hidden column lost under LIMIT
SELECT name, city FROM customers ORDER BY city, id LIMIT 3
--! into
SELECT name, city FROM customers ORDER BY city LIMIT 3

--! differs: integer division
SELECT id FROM products WHERE price / 2 > 1000
--! into
SELECT id FROM products WHERE price > 2000

--! differs: > for >=
SELECT id FROM customers WHERE credit >= 1000
--! into
SELECT id FROM customers WHERE credit > 1000

--! differs: duplicates by a join
SELECT c.name FROM customers c WHERE c.id IN (SELECT v.customer_id FROM visits v WHERE v.page = 'home')
--! into
SELECT c.name FROM customers c JOIN visits v ON v.customer_id = c.id WHERE v.page = 'home'

--! differs: an empty group
SELECT count(*) AS n FROM orders WHERE status = 'open'
--! into
SELECT count(*) AS n FROM orders WHERE status = 'open' GROUP BY status

--! differs: a subquery that must fail on two rows
SELECT id FROM orders WHERE customer_id = (SELECT id FROM customers WHERE city = 'Oslo')
--! into
SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE city = 'Oslo')

--! differs: a subquery that must fail on two rows, as a join
SELECT c.id, (SELECT v.page FROM visits v WHERE v.customer_id = c.id AND v.seconds > 395) AS page FROM customers c
--! into
SELECT c.id, v.page FROM customers c LEFT JOIN visits v ON v.customer_id = c.id AND v.seconds > 395

--! differs: upper and lower case
SELECT id FROM customers WHERE lower(city) = 'oslo'
--! into
SELECT id FROM customers WHERE city = 'Oslo'

--! differs: a pattern that is no prefix
SELECT id FROM customers WHERE name LIKE 'a_c%'
--! into
SELECT id FROM customers WHERE left(name, 1) = 'a' AND substr(name, 3) = 'c'

--! differs: DISTINCT lost
SELECT DISTINCT customer_id, page FROM visits
--! into
SELECT customer_id, page FROM visits

--! differs: the threshold of HAVING count
SELECT customer_id FROM orders GROUP BY customer_id HAVING count(*) > 6
--! into
SELECT customer_id FROM orders GROUP BY customer_id HAVING count(*) >= 6

--! differs: the threshold of HAVING sum
SELECT customer_id FROM orders GROUP BY customer_id HAVING sum(total) > 100000
--! into
SELECT customer_id FROM orders GROUP BY customer_id HAVING sum(total) >= 100000

--! differs: counting a column that may be NULL
SELECT status, count(discount) AS n FROM orders GROUP BY status
--! into
SELECT status, count(*) AS n FROM orders GROUP BY status

--! differs: COALESCE inside and outside a sum
SELECT sum(coalesce(discount, 0)) AS s FROM orders WHERE total > 5
--! into
SELECT coalesce(sum(discount), 0) AS s FROM orders WHERE total > 5

--! differs: COALESCE inside an average
SELECT customer_id, avg(discount) AS a FROM orders GROUP BY customer_id
--! into
SELECT customer_id, avg(coalesce(discount, 0)) AS a FROM orders GROUP BY customer_id

--! differs: the last day of a range
SELECT id FROM orders WHERE ordered_at >= '2022-01-01' AND ordered_at < '2022-02-01'
--! into
SELECT id FROM orders WHERE ordered_at BETWEEN '2022-01-01' AND '2022-01-31'

--! differs: the last second of a day
SELECT id FROM orders WHERE ordered_at >= '2022-01-01' AND ordered_at < '2022-02-01'
--! into
SELECT id FROM orders WHERE ordered_at >= '2022-01-01' AND ordered_at <= '2022-01-31 23:59:59'

--! differs: the end of a computed range
SELECT id FROM orders WHERE shipped_on < date '2022-03-31' + interval '1 month'
--! into
SELECT id FROM orders WHERE shipped_on <= date '2022-03-31' + interval '1 month'

--! differs: OR to UNION ALL without a guard
SELECT id, city FROM customers WHERE city = 'Oslo' OR credit > 1000
--! into
SELECT id, city FROM customers WHERE city = 'Oslo' UNION ALL SELECT id, city FROM customers WHERE credit > 1000

--! differs: OR to UNION ALL with a guard that forgets NULL
SELECT id, city FROM customers WHERE city = 'Oslo' OR credit > 100
--! into
SELECT id, city FROM customers WHERE city = 'Oslo' UNION ALL SELECT id, city FROM customers WHERE credit > 100 AND city <> 'Oslo'

--! differs: OR to UNION, which drops duplicates
SELECT page FROM visits WHERE page = 'home' OR seconds > 10
--! into
SELECT page FROM visits WHERE page = 'home' UNION SELECT page FROM visits WHERE seconds > 10

--! differs: a condition moved from ON to WHERE
SELECT o.id, i.line FROM orders o LEFT JOIN items i ON i.order_id = o.id AND i.quantity < 7
--! into
SELECT o.id, i.line FROM orders o LEFT JOIN items i ON i.order_id = o.id WHERE i.quantity < 7

--! differs: where NULL sorts, under LIMIT
SELECT id, discount FROM orders ORDER BY discount DESC, id LIMIT 2
--! into
SELECT id, discount FROM orders ORDER BY discount DESC NULLS LAST, id LIMIT 2

--! differs: where NULL sorts, without LIMIT
SELECT id, discount FROM orders ORDER BY discount, id
--! into
SELECT id, discount FROM orders ORDER BY discount NULLS FIRST, id

--! differs: spaces at the end of char(n)
SELECT id FROM products WHERE code = 'ab'
--! into
SELECT id FROM products WHERE code LIKE 'ab'

--! differs: containment and equality of documents
SELECT id FROM products WHERE attrs @> '{"color": "red"}'
--! into
SELECT id FROM products WHERE attrs = '{"color": "red"}'

--! differs: a number and its text in a document
SELECT id FROM products WHERE attrs ->> 'size' = '1000'
--! into
SELECT id FROM products WHERE attrs @> '{"size": 1000}'

--! differs: a key that is there and null
SELECT id FROM products WHERE attrs ? 'size'
--! into
SELECT id FROM products WHERE attrs ->> 'size' IS NOT NULL

--! differs: EXCEPT drops duplicates
SELECT page FROM visits EXCEPT SELECT name FROM customers
--! into
SELECT v.page FROM visits v WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.name = v.page)

--! differs: inequality and NULL
SELECT id FROM customers WHERE credit <> 5
--! into
SELECT id FROM customers WHERE credit IS DISTINCT FROM 5

--! differs: a negation and NULL
SELECT id FROM customers WHERE NOT (credit > 5)
--! into
SELECT id FROM customers WHERE credit <= 5 OR credit IS NULL

--! differs: the greatest of nothing
SELECT max(total) AS top FROM orders
--! into
SELECT total AS top FROM orders WHERE total IS NOT NULL ORDER BY total DESC LIMIT 1

--! differs: an optional parameter and NULL
--! with: ["city 3"]
SELECT id FROM customers WHERE $1::text IS NULL OR city = $1
--! into
SELECT id FROM customers WHERE city = coalesce($1::text, city)

--! differs: a division that must not be tried
SELECT id, CASE WHEN discount = 0 THEN NULL ELSE 100 / discount END AS share FROM orders
--! into
SELECT id, 100 / discount AS share FROM orders

--! differs: a default that swallows NULL
SELECT id, CASE WHEN discount = 0 THEN 0 ELSE 100 / discount END AS share FROM orders
--! into
SELECT id, coalesce(100 / nullif(discount, 0), 0) AS share FROM orders

--! differs: an order lost
SELECT id FROM orders ORDER BY ordered_at
--! into
SELECT id FROM orders

--! differs: an order turned around
SELECT name FROM customers ORDER BY credit DESC
--! into
SELECT name FROM customers ORDER BY credit

--! differs: the first of each with ties, and one of them
SELECT id FROM (SELECT id, rank() OVER (PARTITION BY customer_id ORDER BY ordered_at) AS r FROM orders) s WHERE r = 1
--! into
SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at) AS r FROM orders) s WHERE r = 1

--! differs: NULL-safe equality lost
SELECT a.id AS a, b.page FROM customers a JOIN visits b ON a.city IS NOT DISTINCT FROM b.page
--! into
SELECT a.id AS a, b.page FROM customers a JOIN visits b ON a.city = b.page

--! differs: counting distinct values, and NULL
SELECT count(DISTINCT city) AS n FROM customers
--! into
SELECT count(*) AS n FROM (SELECT DISTINCT city FROM customers) s

--! differs: a running sum by range and by rows
SELECT at, sum(seconds) OVER (ORDER BY at) AS s FROM visits
--! into
SELECT at, sum(seconds) OVER (ORDER BY at ROWS UNBOUNDED PRECEDING) AS s FROM visits

--! differs: the order inside an aggregate lost
SELECT customer_id, string_agg(page, ',' ORDER BY page) AS pages FROM visits GROUP BY customer_id
--! into
SELECT customer_id, string_agg(page, ',') AS pages FROM visits GROUP BY customer_id

--! differs: a full join made a left one
SELECT v.page, p.sku FROM visits v FULL JOIN products p ON p.sku = v.page AND v.seconds > -1
--! into
SELECT v.page, p.sku FROM visits v LEFT JOIN products p ON p.sku = v.page AND v.seconds > -1

--! differs: a sum that a join multiplies
SELECT sum(o.total) AS s FROM orders o WHERE EXISTS (SELECT 1 FROM items i WHERE i.order_id = o.id AND i.quantity > 100)
--! into
SELECT sum(o.total) AS s FROM orders o JOIN items i ON i.order_id = o.id WHERE i.quantity > 100

--! differs: an OFFSET lost
--! with: ["0"]
SELECT id FROM customers ORDER BY id LIMIT 4 OFFSET $1
--! into
SELECT id FROM customers ORDER BY id LIMIT 4 + 0 * coalesce($1, 0)::int

--! differs: a limit one too small
SELECT id FROM visits v JOIN customers c ON c.id = v.customer_id WHERE v.page = 'nowhere' ORDER BY id LIMIT 4
--! into
SELECT id FROM visits v JOIN customers c ON c.id = v.customer_id WHERE v.page = 'nowhere' ORDER BY id LIMIT 3

--! differs: a conditional sum over nothing
SELECT sum(CASE WHEN status = 'open' THEN 1 ELSE 0 END) AS n FROM orders
--! into
SELECT count(*) FILTER (WHERE status = 'open') AS n FROM orders

--! differs: an order by another collation
SELECT name FROM customers ORDER BY name COLLATE "C"
--! into
SELECT name FROM customers ORDER BY lower(name) COLLATE "C"
