package pgconnect

import (
	"database/sql/driver"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// rows are an answer being read; held says that a row was fetched and not yet delivered, over that there are no more.
type rows struct {
	pg   pgx.Rows
	held bool
	over bool
}

func (r *rows) Columns() []string {
	fields := r.pg.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

func (r *rows) Close() error {
	r.pg.Close()
	return r.pg.Err()
}

func (r *rows) Next(dest []driver.Value) error {
	if r.over {
		return io.EOF
	}
	if !r.held && !r.pg.Next() {
		r.over = true
		if err := r.pg.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	r.held = false
	row, err := r.pg.Values()
	if err != nil {
		return err
	}
	for i, v := range row {
		if dest[i], err = value(v); err != nil {
			return err
		}
	}
	return nil
}

// value brings what pgx decodes to the few types database/sql knows.
func value(v any) (driver.Value, error) {
	switch x := v.(type) {
	case nil, int64, float64, bool, []byte, string, time.Time:
		return x, nil
	case int32:
		return int64(x), nil
	case int16:
		return int64(x), nil
	case float32:
		return float64(x), nil
	case driver.Valuer:
		return x.Value()
	}
	return nil, unknown(v)
}
