package sqlite

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unsafe" // to read rows where SQLite has them

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file reads rows through SQLite's own functions, on the driver's connections and
// statements. What the driver adds costs more than the query: it asks for the names of
// all columns each time, copies each text, makes an interface of each value, locks a
// mutex four times a value, and starts a goroutine for each deadline.
//
// It takes three numbers out of the driver: the handles of a connection and of a
// statement, and the thread that they belong to. If they are not where they are in the
// driver that this is built with, rows are read by the driver.

// handles are those of a connection. Like the connection they have one user at a time.
type handles struct {
	thread *libc.TLS
	db     uintptr
	number uint64 // of the connection
	// arguments is memory for the texts of a query's arguments.
	arguments       uintptr
	argumentsLength int
	deadline        uintptr // an int64, see deadlinePassed
	frames          uintptr // see gather
	row             []Value
}

// field is a field of a type of the driver, which has none for others.
func field[T any](of any, name string) (value reflect.Value, ok bool) {
	v := reflect.ValueOf(of)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return v, false
	}
	value = v.Elem().FieldByName(name)
	return value, value.IsValid() && value.Type() == reflect.TypeFor[T]()
}

// newHandles returns those of a connection, nil if they are not found.
func newHandles(c driverConn) *handles {
	db, hasDB := field[uintptr](c, "db")
	thread, hasThread := field[*libc.TLS](c, "tls")
	if !hasDB || !hasThread || db.Uint() == 0 || thread.IsNil() {
		return nil
	}
	return &handles{db: uintptr(db.Uint()), thread: (*libc.TLS)(thread.UnsafePointer()), number: connections.Add(1)}
}

// free gives its memory back. No statement has arguments in it any more.
func (h *handles) free() {
	for _, memory := range []uintptr{h.arguments, h.deadline, h.frames} {
		if memory != 0 {
			libc.Xfree(h.thread, memory)
		}
	}
	h.arguments, h.deadline, h.frames, h.argumentsLength = 0, 0, 0, 0
}

// keepPlans has statements that are compiled from now on keep their plans whatever is
// bound to them, or no longer. sqlite3_db_config does the same, but has all statements
// of the connection compiled again.
func (h *handles) keepPlans(keep bool) {
	flags := &(*sqlite3.Tsqlite3)(pointer(h.db)).Fflags
	*flags &^= sqlite3.SQLITE_EnableQPSG
	if keep {
		*flags |= sqlite3.SQLITE_EnableQPSG
	}
}

// compiled is a statement's handle, and what is known of its rows.
type compiled struct {
	of       *handles
	handle   uintptr
	columns  []string
	times    bool  // the driver makes times of some texts
	versions int32 // how often SQLite had compiled it again when the columns were read
	proof    proof // see Query.Instead
}

// newCompiled returns the handle of a statement, nil if it is not found.
func newCompiled(h *handles, s statement) *compiled {
	if h == nil {
		return nil
	}
	handle, ok := field[uintptr](s, "pstmt")
	if !ok || handle.Uint() == 0 {
		return nil
	}
	if sqlite3.Xsqlite3_db_handle(h.thread, uintptr(handle.Uint())) != h.db {
		return nil
	}
	return &compiled{of: h, handle: uintptr(handle.Uint()), versions: -1}
}

// errTimes is of a statement that has to be read by the driver.
var errTimes = errors.New("sqlite: a column is declared to hold times")

// read runs the statement. took, if not nil, is told how long SQLite took.
func (s *compiled) read(q Query, took *time.Duration, use func(columns []string, row []Value) error) error {
	defer s.reset()
	if err := s.bind(q.Arguments); err != nil {
		return err
	}
	if q.Timeout > 0 {
		s.of.limit(q.Timeout)
		defer s.of.unlimit()
	}
	for first := true; ; first = false {
		more, err := s.step(took)
		if err != nil || !more {
			return err
		}
		if first { // SQLite compiles again before it only
			if err := s.describe(); err != nil {
				return err
			}
		}
		if err := use(s.columns, s.of.values(s.handle, len(s.columns))); err != nil {
			return err
		}
	}
}

// reset ends the statement's reading transaction.
func (s *compiled) reset() {
	sqlite3.Xsqlite3_reset(s.of.thread, s.handle) // it says again what step has said
	sqlite3.Xsqlite3_clear_bindings(s.of.thread, s.handle)
}

// step goes to the next row.
func (s *compiled) step(took *time.Duration) (more bool, err error) {
	var started time.Time
	if took != nil {
		started = time.Now()
	}
	code := sqlite3.Xsqlite3_step(s.of.thread, s.handle)
	if took != nil {
		*took += time.Since(started)
	}
	switch code {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	}
	message := libc.GoString(sqlite3.Xsqlite3_errmsg(s.of.thread, s.of.db))
	return false, fmt.Errorf("sqlite: read rows: %s (%d)", message, code)
}

// describe reads the columns' names if SQLite has compiled the statement again, which
// it does when somebody has changed a table.
func (s *compiled) describe() error {
	thread := s.of.thread
	versions := s.compilations()
	if s.proof.is && s.proof.versions != versions {
		return errOtherPlan
	}
	if versions != s.versions {
		s.versions, s.columns, s.times = versions, nil, false
		for i := range sqlite3.Xsqlite3_column_count(thread, s.handle) {
			s.columns = append(s.columns, libc.GoString(sqlite3.Xsqlite3_column_name(thread, s.handle, i)))
			switch strings.ToUpper(libc.GoString(sqlite3.Xsqlite3_column_decltype(thread, s.handle, i))) {
			case "DATE", "DATETIME", "TIMESTAMP":
				s.times = true
			}
		}
	}
	if s.times {
		return errTimes
	}
	return nil
}

// bind binds the arguments. SQLite does not copy the texts.
func (s *compiled) bind(arguments []Value) error {
	h := s.of
	if wanted := int(sqlite3.Xsqlite3_bind_parameter_count(h.thread, s.handle)); wanted != len(arguments) {
		return fmt.Errorf("sqlite: the query has %d parameters, got %d", wanted, len(arguments))
	}
	length := 0
	for i := range arguments {
		length += len(arguments[i].Text)
	}
	if !h.reserve(length) {
		return errors.New("sqlite: no memory for the arguments")
	}
	next := h.arguments
	for i := range arguments {
		a, place := &arguments[i], int32(i+1)
		code := int32(sqlite3.SQLITE_OK)
		switch a.Type {
		case Null:
			code = sqlite3.Xsqlite3_bind_null(h.thread, s.handle, place)
		case Integer:
			code = sqlite3.Xsqlite3_bind_int64(h.thread, s.handle, place, a.Integer)
		case Float:
			code = sqlite3.Xsqlite3_bind_double(h.thread, s.handle, place, a.Float)
		case Text:
			code = sqlite3.Xsqlite3_bind_text(h.thread, s.handle, place, next, put(next, a.Text), sqlite3.SQLITE_STATIC)
		case Blob:
			code = sqlite3.Xsqlite3_bind_blob(h.thread, s.handle, place, next, put(next, a.Text), sqlite3.SQLITE_STATIC)
		}
		if code != sqlite3.SQLITE_OK {
			return fmt.Errorf("sqlite: bind argument %d: code %d", place, code)
		}
		next += uintptr(len(a.Text))
	}
	return nil
}

// put copies a text to SQLite's memory.
func put(at uintptr, text string) int32 {
	copy(unsafe.Slice((*byte)(pointer(at)), len(text)), text) //nolint:gosec // reserve has made room for all
	return int32(len(text))
}

// reserve sees to it that there is memory for so many bytes of arguments, and that
// an empty text has an address.
func (h *handles) reserve(length int) bool {
	if length < h.argumentsLength {
		return true
	}
	const least = 4 << 10
	h.argumentsLength = max(2*length, least)
	libc.Xfree(h.thread, h.arguments)
	h.arguments = libc.Xmalloc(h.thread, types.Size_t(h.argumentsLength))
	if h.arguments == 0 {
		h.argumentsLength = 0
	}
	return h.arguments != 0
}

// values are those of a row. SQLite keeps them one after the other, so that its
// mutex is taken for three of them only.
func (h *handles) values(statement uintptr, columns int) []Value {
	if cap(h.row) < columns {
		h.row = make([]Value, columns)
	}
	row := h.row[:columns]
	if columns == 0 {
		return row
	}
	at := func(i int) uintptr { return sqlite3.Xsqlite3_column_value(h.thread, statement, int32(i)) }
	first, size := at(0), uintptr(0)
	if columns > 1 {
		size = at(1) - first
	}
	if at(columns-1) != first+size*uintptr(columns-1) {
		size = 0 // they are somewhere else
	}
	for i := range row {
		value := first + size*uintptr(i)
		if size == 0 {
			value = at(i)
		}
		h.value(&row[i], value)
	}
	return row
}

func (h *handles) value(v *Value, at uintptr) {
	*v = Value{}
	switch sqlite3.Xsqlite3_value_type(h.thread, at) {
	case sqlite3.SQLITE_INTEGER:
		v.Type, v.Integer = Integer, sqlite3.Xsqlite3_value_int64(h.thread, at)
	case sqlite3.SQLITE_FLOAT:
		v.Type, v.Float = Float, sqlite3.Xsqlite3_value_double(h.thread, at)
	case sqlite3.SQLITE_TEXT:
		text := sqlite3.Xsqlite3_value_text(h.thread, at)
		v.Type, v.Text = Text, view(text, sqlite3.Xsqlite3_value_bytes(h.thread, at))
	case sqlite3.SQLITE_BLOB:
		bytes := sqlite3.Xsqlite3_value_blob(h.thread, at)
		v.Type, v.Text = Blob, view(bytes, sqlite3.Xsqlite3_value_bytes(h.thread, at))
	}
}

// view is SQLite's memory as a text.
func view(at uintptr, length int32) string {
	if at == 0 || length <= 0 {
		return ""
	}
	return unsafe.String((*byte)(pointer(at)), length) //nolint:gosec // as SQLite says how long it is
}

// pointer is an address of SQLite's memory, which is not the garbage collector's.
func pointer(at uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&at)) //nolint:gosec // it does not move
}

// looked is after how many steps of its machine SQLite looks for the deadline: less
// than a millisecond.
const looked = 10_000

// begun is what deadlines count from, in nanoseconds.
var begun = time.Now()

// deadlinePassed is called by SQLite, which gives the query up if it is not 0.
func deadlinePassed(_ *libc.TLS, deadline uintptr) int32 {
	if int64(time.Since(begun)) > *(*int64)(pointer(deadline)) {
		return 1
	}
	return 0
}

// deadlineFunction is its address as SQLite calls it.
var deadlineFunction = *(*uintptr)(unsafe.Pointer(&struct { //nolint:gosec // as the driver does for its own functions
	f func(*libc.TLS, uintptr) int32
}{deadlinePassed}))

// limit has SQLite give the query up after a while.
func (h *handles) limit(timeout time.Duration) {
	if h.deadline == 0 {
		h.deadline = libc.Xmalloc(h.thread, types.Size_t(unsafe.Sizeof(int64(0))))
	}
	if h.deadline == 0 {
		return
	}
	since := int64(time.Since(begun))
	if since > math.MaxInt64-int64(timeout) {
		return
	}
	*(*int64)(pointer(h.deadline)) = since + int64(timeout)
	sqlite3.Xsqlite3_progress_handler(h.thread, h.db, looked, deadlineFunction, h.deadline)
}

func (h *handles) unlimit() { sqlite3.Xsqlite3_progress_handler(h.thread, h.db, 0, 0, 0) }
