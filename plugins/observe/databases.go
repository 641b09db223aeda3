package observe

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// statementDurations are the upper bounds of the histograms of statements, in
// seconds. Most take some microseconds.
var statementDurations = []float64{.00002, .00005, .0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}

// databases measures PocketBase's two databases.
type databases struct {
	app    core.App
	slow   *slowQueries
	tracer Tracer // nil for none

	took   *prometheus.HistogramVec
	failed *prometheus.CounterVec
	// kinds are the histograms by database and kind of statement, which are few and
	// asked for with each statement.
	kinds map[string]map[sqlite.Kind]prometheus.Observer

	connections, inUse, limit, waits, waited, size, wal *prometheus.Desc
}

func newDatabases(app core.App, slow *slowQueries, tracer Tracer) *databases {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("holdall_db_"+name, help, append([]string{"db"}, labels...), nil)
	}
	d := &databases{
		app: app, slow: slow, tracer: tracer,
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdall_db_statement_duration_seconds", Buckets: statementDurations,
			Help: "How long statements took within SQLite. The kind begin is the wait for the one writer, commit is writing to the log.",
		}, []string{"db", "kind"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdall_db_failures_total", Help: "Statements that failed. The reason busy is a lock that was not given in time.",
		}, []string{"db", "reason"}),
		kinds:       map[string]map[sqlite.Kind]prometheus.Observer{},
		connections: desc("connections", "Open connections.", "pool"),
		inUse:       desc("connections_in_use", "Connections that somebody uses.", "pool"),
		limit:       desc("connections_limit", "How many connections there may be.", "pool"),
		waits:       desc("connection_waits_total", "How often somebody waited for a connection.", "pool"),
		waited:      desc("connection_wait_seconds_total", "How long all of them together have waited for a connection.", "pool"),
		size:        desc("size_bytes", "Size of the database file."),
		wal:         desc("wal_bytes", "Size of the write-ahead log."),
	}
	for _, db := range []string{"data", "auxiliary"} {
		d.kinds[db] = map[sqlite.Kind]prometheus.Observer{}
		for _, kind := range []sqlite.Kind{sqlite.Read, sqlite.Write, sqlite.Begin, sqlite.Commit} {
			d.kinds[db][kind] = d.took.WithLabelValues(db, string(kind))
		}
		for _, reason := range reasons {
			d.failed.WithLabelValues(db, reason)
		}
	}
	return d
}

// The reasons why statements fail, as far as they are told apart.
var reasons = []string{"busy", "constraint", "full", "corrupt", "cancelled", "other"}

// note counts a statement.
func (d *databases) note(s sqlite.Statement) {
	db := strings.TrimSuffix(filepath.Base(s.Path), ".db")
	kinds, ok := d.kinds[db]
	if !ok {
		return // a database that a command opens beside the app's
	}
	d.observe(kinds[s.Kind], s)
	if s.Err != nil {
		d.failed.WithLabelValues(db, reasonOf(s.Err)).Inc()
		return
	}
	d.slow.note(db, s)
}

// observe measures a statement, with its trace as the example if that is recorded.
func (d *databases) observe(took prometheus.Observer, s sqlite.Statement) {
	if d.tracer != nil {
		if trace := d.tracer.Statement(s); trace != "" {
			took.(prometheus.ExemplarObserver).ObserveWithExemplar(s.Took.Seconds(), prometheus.Labels{"trace_id": trace})
			return
		}
	}
	took.Observe(s.Took.Seconds())
}

// Describe implements [prometheus.Collector].
func (d *databases) Describe(c chan<- *prometheus.Desc) {
	d.took.Describe(c)
	d.failed.Describe(c)
	for _, desc := range []*prometheus.Desc{d.connections, d.inUse, d.limit, d.waits, d.waited, d.size, d.wal} {
		c <- desc
	}
}

// Collect implements [prometheus.Collector].
func (d *databases) Collect(c chan<- prometheus.Metric) {
	d.took.Collect(c)
	d.failed.Collect(c)
	for _, pool := range d.pools() {
		d.pool(c, pool.db, pool.name, pool.stats)
	}
	for _, db := range []string{"data", "auxiliary"} {
		c <- prometheus.MustNewConstMetric(d.size, prometheus.GaugeValue, sizeOf(filepath.Join(d.app.DataDir(), db+".db")), db)
		c <- prometheus.MustNewConstMetric(d.wal, prometheus.GaugeValue, d.walSize(db), db)
	}
}

// pool is the connections to a database that read, or those that write.
type pool struct {
	db, name string
	stats    sql.DBStats
}

// pools returns how the connections are used. There are none in a transaction.
func (d *databases) pools() []pool {
	var list []pool
	for _, p := range []struct {
		db, name string
		builder  func() dbx.Builder
	}{
		{"data", "read", d.app.ConcurrentDB},
		{"data", "write", d.app.NonconcurrentDB},
		{"auxiliary", "read", d.app.AuxConcurrentDB},
		{"auxiliary", "write", d.app.AuxNonconcurrentDB},
	} {
		if db, ok := p.builder().(*dbx.DB); ok {
			list = append(list, pool{p.db, p.name, db.DB().Stats()})
		}
	}
	return list
}

// walSize returns the bytes of a database's write-ahead log.
func (d *databases) walSize(db string) float64 {
	return sizeOf(filepath.Join(d.app.DataDir(), db+".db-wal"))
}

func (d *databases) pool(c chan<- prometheus.Metric, db, pool string, stats sql.DBStats) {
	for _, m := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value float64
	}{
		{d.connections, prometheus.GaugeValue, float64(stats.OpenConnections)},
		{d.inUse, prometheus.GaugeValue, float64(stats.InUse)},
		{d.limit, prometheus.GaugeValue, float64(stats.MaxOpenConnections)},
		{d.waits, prometheus.CounterValue, float64(stats.WaitCount)},
		{d.waited, prometheus.CounterValue, stats.WaitDuration.Seconds()},
	} {
		c <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value, db, pool)
	}
}

// sizeOf returns the size of a file, 0 if there is none.
func sizeOf(file string) float64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return float64(info.Size())
}
