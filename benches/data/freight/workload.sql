-- name: vehicle_by_plate
SELECT id, capacity FROM "Fleet"."Vehicles" WHERE plate = 'EK-24444';
-- name: vehicles_of_a_depot
SELECT id, plate FROM "Fleet"."Vehicles" WHERE "homeDepot" LIKE 'D37%' AND retired_at IS NULL AND tenant_id = 38;
-- name: shipment_by_reference
SELECT id, status FROM shipments WHERE reference = (SELECT upper(substr(md5('123456'), 1, 10)));
-- name: reference_ends_in
SELECT id FROM shipments WHERE reference LIKE '%0F3A1';
-- name: delayed_of_a_tenant
SELECT id, reference FROM shipments WHERE tenant_id = 61 AND status = 'delayed' ORDER BY created_at DESC LIMIT 20;
-- name: queue
SELECT id, tenant_id FROM shipments WHERE status = 'unassigned' ORDER BY created_at LIMIT 50;
-- name: city
SELECT count(*), sum(weight) FROM shipments WHERE lower("destinationCity") = 'rotterdam 17';
-- name: city_begins
SELECT count(*) FROM shipments WHERE "destinationCity" LIKE 'Oslo 11%';
-- name: tagged
SELECT id FROM shipments WHERE tags @> ARRAY['frozen', 'z30'];
-- name: customs
SELECT id FROM shipments WHERE details @> '{"customs": {"code": "X17"}}';
-- name: invoice
SELECT id, status FROM shipments WHERE details ->> 'invoice' = 'INV-87654';
-- name: overdue
SELECT count(*), min(created_at) FROM shipments WHERE delivered_at IS NULL AND created_at < '2025-10-01';
-- name: dense
SELECT id, density FROM shipments WHERE density > 200000 ORDER BY density DESC LIMIT 100;
-- name: stops_of_a_shipment
SELECT s.reference, p.depot, p.arrived_at FROM shipments s JOIN stops p ON p.shipment_id = s.id WHERE s.id = 4711;
-- name: last_stops_of_a_vehicle
SELECT depot, arrived_at FROM stops WHERE vehicle_id = 777 AND arrived_at IS NOT NULL ORDER BY arrived_at DESC LIMIT 10;
-- name: slots_at
SELECT id, depot FROM stops WHERE slot @> timestamptz '2025-06-15 12:00+00';
-- name: nearest
SELECT id, depot FROM stops ORDER BY place <-> point(500, 500) LIMIT 10;
-- name: readings_of_a_day
SELECT at, speed FROM readings WHERE vehicle_id = 1234 AND at >= '2025-05-05' AND at < '2025-05-19';
-- name: faults
SELECT vehicle_id, at, fault FROM readings WHERE fault IS NOT NULL AND at >= '2025-03-01' AND at < '2025-06-01';
-- name: last_reading
SELECT at, temperature FROM readings WHERE vehicle_id = 99 ORDER BY at DESC LIMIT 1;
-- name: months_of_a_tenant
SELECT date_trunc('month', created_at) AS month, sum(weight) FROM shipments WHERE tenant_id = 150 GROUP BY 1 ORDER BY 1;
-- name: dock
SELECT id, carrier FROM bookings WHERE dock = 7 AND during && tstzrange('2025-02-01 00:00+00', '2025-02-01 12:00+00');
-- name: carrier
SELECT count(*) FROM bookings WHERE carrier = 'C77';
-- name: heaviest_of_a_tenant
SELECT id, weight FROM shipments WHERE tenant_id = 5 ORDER BY weight DESC NULLS LAST LIMIT 10;
-- name: without_stops
SELECT s.id FROM shipments s WHERE s.tenant_id = 120 AND NOT EXISTS (SELECT FROM stops p WHERE p.shipment_id = s.id) ORDER BY s.id;
-- name: arrive
UPDATE stops SET arrived_at = '2025-12-30 10:00+00' WHERE id BETWEEN 4000 AND 4049;
-- name: order
INSERT INTO shipments (id, tenant_id, reference, "destinationCity", status, weight, volume, created_at, tags, details)
SELECT 1000000 + n, 7, 'NEW' || n, 'Oslo 5', 'unassigned', 5000, 10, '2025-12-30', '{t1,dry}', '{"invoice": "INV-0"}' FROM generate_series(1, 50) n;
