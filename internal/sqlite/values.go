package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Type is what SQLite keeps a value as.
type Type uint8

// The types of values.
const (
	Null Type = iota
	Integer
	Float
	Text
	Blob
)

// Value is a value of a row, or of an argument. It takes no memory of its own.
type Value struct {
	Type    Type
	Integer int64
	Float   float64
	// Text is a Text, or the bytes of a Blob. In a row it is SQLite's own memory, which
	// holds something else as soon as the next row is asked for: clone what is kept.
	Text string
}

// TextValue is the value of a text.
func TextValue(s string) Value { return Value{Type: Text, Text: s} }

// IntegerValue is the value of a whole number.
func IntegerValue(n int64) Value { return Value{Type: Integer, Integer: n} }

// FloatValue is the value of a number.
func FloatValue(f float64) Value { return Value{Type: Float, Float: f} }

// Query is a query with its arguments, by their order.
type Query struct {
	Text      string
	Arguments []Value
	// Instead is a faster query for the same rows, made by [Instead]. It is run if SQLite
	// would find them in the same order. It takes the same arguments.
	Instead string
	// Steady has SQLite find the rows in one way whatever the arguments are. Otherwise it
	// compiles a query again with each other argument that it compares with an index of
	// which it has samples (PRAGMA optimize takes them), which costs more than finding a
	// few rows. It is for queries by ids, of which the order of the rows does not matter:
	// samples may show a better way to find many, and another order.
	Steady bool
	// Timeout is after how long it is given up, 0 for never.
	Timeout time.Duration
}

// errNoQueries is of a driver whose connections run no queries by themselves.
var errNoQueries = errors.New("sqlite: the driver's connections take no queries")

// Rows runs a query on a connection of db and calls use for each row, which is valid
// until use returns. The names of the columns are the same slice for as long as the
// table is. It spares what database/sql and the driver do for each row and
// value, half of the time of a list; connections of an [Engine] also keep the statement.
// The values are those that the driver would return, but for a bool, which is the text
// that database/sql makes of it. It fails on a time, which only columns have that are
// declared as such.
func Rows(db *sql.DB, q Query, use func(columns []string, row []Value) error) error {
	taken := reading.take()
	defer reading.end(taken)
	held, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer held.Close()
	return held.Raw(func(raw any) error { return RowsOn(raw, q, use) })
}

// RowsOn does that on a connection as [sql.Conn.Raw] has it.
func RowsOn(raw any, q Query, use func(columns []string, row []Value) error) error {
	if c, ok := raw.(*conn); ok {
		return c.read(q, use)
	}
	queryer, ok := raw.(driver.QueryerContext)
	if !ok {
		return errNoQueries
	}
	return readSlowly(queryer, q, use)
}

// readSlowly reads by what all drivers have.
func readSlowly(c driver.QueryerContext, q Query, use func(columns []string, row []Value) error) (err error) {
	ctx := context.Background()
	if q.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.Timeout)
		defer cancel()
	}
	rows, err := c.QueryContext(ctx, q.Text, named(q.Arguments))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns := rows.Columns()
	read, row := make([]driver.Value, len(columns)), make([]Value, len(columns))
	for {
		err := rows.Next(read)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err() // the driver looks for it before the first row only
		}
		for i := range read {
			if err == nil {
				row[i], err = valueOf(read[i])
			}
		}
		if err == nil {
			err = use(columns, row)
		}
		if err != nil {
			return err
		}
	}
}

// valueOf is a value of the driver.
func valueOf(v driver.Value) (Value, error) {
	switch v := v.(type) {
	case nil:
		return Value{}, nil
	case string:
		return TextValue(v), nil
	case int64:
		return IntegerValue(v), nil
	case float64:
		return FloatValue(v), nil
	case []byte:
		return Value{Type: Blob, Text: string(v)}, nil
	case bool:
		return TextValue(strconv.FormatBool(v)), nil
	}
	return Value{}, fmt.Errorf("sqlite: a column holds a %T", v)
}

// named are arguments as drivers take them.
func named(arguments []Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(arguments))
	for i, a := range arguments {
		values[i].Ordinal = i + 1
		switch a.Type {
		case Integer:
			values[i].Value = a.Integer
		case Float:
			values[i].Value = a.Float
		case Text:
			values[i].Value = a.Text
		case Blob:
			values[i].Value = []byte(a.Text)
		}
	}
	return values
}
