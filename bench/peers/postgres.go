package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/bench"
	"github.com/allot-engine/allot/bench/rounds"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/enginetest"
	"github.com/allot-engine/allot/server"
)

// A postgres is a server of PostgreSQL with a directory of its own, which bench.Callers clients are connected to by a socket.
type postgres struct {
	version string
	cmd     *exec.Cmd
	clients []*pgx.Conn
	next    atomic.Int64 // makes request ids
}

// postgresSettings are what differs from the defaults, for speed where it costs no durability: what is answered is on disk.
var postgresSettings = []string{
	"fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=256MB", "max_wal_size=4GB", "checkpoint_timeout=30min",
	"max_connections=100", "listen_addresses=", "autovacuum_naptime=10s", "wal_buffers=16MB",
}

// schema is a shelf for every SKU in every warehouse, holds, and the function that reserves: a conditional update of each
// line, in order, and an insert. Some of a page is left free, so that updates need not touch the index.
const schema = `
CREATE TABLE shelf (sku text NOT NULL, warehouse text NOT NULL, available int NOT NULL CHECK (available >= 0), PRIMARY KEY (sku, warehouse)) WITH (fillfactor = 50);
CREATE TABLE hold (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, request text NOT NULL UNIQUE, skus text[] NOT NULL, warehouses text[] NOT NULL,
	units int[] NOT NULL, expires timestamptz NOT NULL);
CREATE FUNCTION reserve(request text, skus text[], warehouses text[], units int[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE granted bigint;
BEGIN
	FOR i IN 1 .. array_length(skus, 1) LOOP
		UPDATE shelf SET available = available - units[i] WHERE sku = skus[i] AND warehouse = warehouses[i] AND available >= units[i];
		IF NOT FOUND THEN RAISE 'out of stock'; END IF;
	END LOOP;
	INSERT INTO hold (request, skus, warehouses, units, expires) VALUES (request, skus, warehouses, units, now() + interval '15 minutes') RETURNING id INTO granted;
	RETURN granted;
END $$;`

// newPostgres makes a database in a directory and connects to it.
func newPostgres(ctx context.Context, t *tool, dir string) (_ *postgres, err error) {
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	sockets, err := os.MkdirTemp("", "peers") // the path of a socket has to be short
	if err != nil {
		return nil, err
	}
	user, err := unprivileged(dir, data, sockets)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(sockets))
	}
	p := &postgres{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
		err = errors.Join(err, os.RemoveAll(sockets)) // the connections that are there need it no more
	}()
	initdb := &tool{program: filepath.Join(t.dir, "initdb"), env: t.env}
	cmd := initdb.command(ctx, "-D", data, "-U", "allot", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	user(cmd)
	cmd.Dir = data
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	args := []string{"-D", data, "-k", sockets}
	for _, s := range postgresSettings {
		args = append(args, "-c", s)
	}
	cmd = (&tool{program: filepath.Join(t.dir, "postgres"), env: t.env}).command(ctx, args...)
	user(cmd)
	cmd.Dir = data
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // ends its own processes, and at once
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.cmd = cmd
	for range bench.Callers {
		conn, err := connect(ctx, fmt.Sprintf("host=%s user=allot dbname=postgres", sockets))
		if err != nil {
			return nil, err
		}
		p.clients = append(p.clients, conn)
	}
	if _, err := p.clients[0].Exec(ctx, schema); err != nil {
		return nil, err
	}
	return p, p.clients[0].QueryRow(ctx, "SHOW server_version").Scan(&p.version)
}

// connect connects to a server that may still be starting.
func connect(ctx context.Context, to string) (conn *pgx.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if conn, err = pgx.Connect(ctx, to); err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stock fills the shelves as bench.NewAllocator does: those that a world stocks never run out.
func (p *postgres) stock(ctx context.Context, w *enginetest.World) error {
	var rows [][]any
	for sku, id := range w.Snapshot.SKUs.IDs {
		for i := range w.Snapshot.Warehouses {
			if w.Stock.Available[sku*w.Stock.Stride+i] > 0 {
				rows = append(rows, []any{id, w.Snapshot.Warehouses[i].ID, int32(100_000_000)})
			}
		}
	}
	if _, err := p.clients[0].CopyFrom(ctx, pgx.Identifier{"shelf"}, []string{"sku", "warehouse", "available"}, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	_, err := p.clients[0].Exec(ctx, "VACUUM ANALYZE")
	return err
}

// A claim is what an order takes from shelves, in order of SKU and warehouse, so that no two wait for each other.
type claim struct {
	skus, warehouses []string
	units            []int32
}

// claimsOf returns what the engine has orders take, where nothing runs out.
func claimsOf(w *enginetest.World, orders []*allotv1.Order) ([]claim, error) {
	view := engine.NewStockView(len(w.Snapshot.SKUs.IDs), len(w.Snapshot.Warehouses))
	for sku := range w.Snapshot.SKUs.IDs {
		for i := range w.Snapshot.Warehouses {
			if w.Stock.Available[sku*w.Stock.Stride+i] > 0 {
				view.Set(int32(sku), int32(i), 100_000_000)
			}
		}
	}
	scratch := w.Engine.NewScratch()
	var claims []claim
	var d engine.Decision
	for _, m := range orders {
		o, err := server.ReadOrder(m)
		if err != nil {
			return nil, err
		}
		if err := w.Engine.Decide(view, o, enginetest.Start, scratch, &d); err != nil {
			return nil, err
		}
		if d.Outcome != engine.Planned {
			continue // the server answers a refusal, which nobody reserves
		}
		claims = append(claims, claimOf(w, &d))
	}
	return claims, nil
}

func claimOf(w *enginetest.World, d *engine.Decision) claim {
	type cell struct{ sku, warehouse string }
	units := map[cell]int32{}
	var cells []cell
	for _, s := range d.Shipments {
		for _, it := range s.Items {
			c := cell{w.Snapshot.SKUs.IDs[it.SKU], w.Snapshot.Warehouses[s.Warehouse].ID}
			if units[c] == 0 {
				cells = append(cells, c)
			}
			units[c] += it.Quantity
		}
	}
	sortCells(cells, func(c cell) (string, string) { return c.sku, c.warehouse })
	var out claim
	for _, c := range cells {
		out.skus, out.warehouses, out.units = append(out.skus, c.sku), append(out.warehouses, c.warehouse), append(out.units, units[c])
	}
	return out
}

// A reserver reserves claims, one after the other, from every client at once.
type reserver struct {
	*postgres
	claims []claim
}

// Run implements rounds.Runner. The processor time is of this process alone, and so is left out.
func (r *reserver) Run(ctx context.Context, d time.Duration) (bench.Window, error) {
	var calls atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began := time.Now()
	deadline := began.Add(d)
	for _, client := range r.clients {
		wg.Go(func() {
			n := int64(0)
			for first := true; first || time.Now().Before(deadline); first = false {
				i := r.next.Add(1)
				c := &r.claims[int(i)%len(r.claims)]
				var hold int64
				row := client.QueryRow(ctx, "SELECT reserve($1, $2, $3, $4)", fmt.Sprintf("request-%08d", i), c.skus, c.warehouses, c.units)
				if err := row.Scan(&hold); err != nil {
					failed.Store(&err)
					return
				}
				n++
			}
			calls.Add(n)
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return bench.Window{}, *err
	}
	return bench.Window{Rate: float64(calls.Load()) / time.Since(began).Seconds()}, nil
}

// check fails unless what is missing from the shelves is what the holds have.
func (p *postgres) check(ctx context.Context) error {
	var taken, held, holds int64
	err := p.clients[0].QueryRow(ctx, `SELECT (SELECT sum(100000000::bigint - available) FROM shelf),
		(SELECT coalesce(sum(u), 0) FROM hold, unnest(units) u), (SELECT count(*) FROM hold)`).Scan(&taken, &held, &holds)
	if err != nil {
		return err
	}
	if taken != held || holds == 0 {
		return fmt.Errorf("PostgreSQL: %d units are taken, and %d holds have %d", taken, holds, held)
	}
	return nil
}

// close ends the server.
func (p *postgres) close() error {
	var errs []error
	for _, c := range p.clients {
		errs = append(errs, c.Close(context.Background()))
	}
	if p.cmd != nil {
		errs = append(errs, p.cmd.Process.Signal(syscall.SIGINT), wait(p.cmd))
	}
	return errors.Join(errs...)
}

// The names of what is measured of PostgreSQL, in the order of claims.
var reserverNames = []string{"PostgreSQL, 2 lines", "PostgreSQL, 2 lines, one of them hot", "PostgreSQL, 1 line", "PostgreSQL, 1 line, hot", "PostgreSQL, 1 line, one row"}

// reservers returns what PostgreSQL reserves: what the engine takes of each order, and one unit of always the same row.
func (p *postgres) reservers(s *rounds.Sample) ([]rounds.Also, error) {
	var list []rounds.Also
	for i, orders := range [][]*allotv1.Order{s.Two, s.HotTwo, s.UniformOne, s.HotOne} {
		claims, err := claimsOf(s.World, orders)
		if err != nil {
			return nil, err
		}
		list = append(list, rounds.Also{Name: reserverNames[i], Runner: &reserver{p, claims}})
	}
	hot := list[len(list)-1].Runner.(*reserver).claims[0]
	one := claim{hot.skus[:1], hot.warehouses[:1], []int32{1}}
	return append(list, rounds.Also{Name: reserverNames[len(list)], Runner: &reserver{p, []claim{one}}}), nil
}
