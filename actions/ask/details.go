package ask

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
)

// detailRows shows rich authorization requests (RFC 9396) in full, one row each: the type in the theme's words, then every value. They are a
// client's words; the page escapes them. What cannot be read is an error: nobody says yes to what they were not shown.
func detailRows(raw json.RawMessage) ([]action.Row, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var list []map[string]any
	numbers := json.NewDecoder(bytes.NewReader(raw))
	numbers.UseNumber() // an amount is shown as it was written, never rounded
	if err := numbers.Decode(&list); err != nil {
		return nil, fmt.Errorf("read authorization details: %w", err)
	}
	var rows []action.Row
	for _, d := range list {
		kind, _ := d["type"].(string)
		delete(d, "type")
		row := action.Row{Lines: []action.Text{action.T("details."+kind, "type", kind)}}
		lines(d, "", func(name, value string) {
			row.Lines = append(row.Lines, action.T("detail."+name, "name", name, "value", value))
		})
		rows = append(rows, row)
	}
	return rows, nil
}

// lines walks values down to plain ones, names joined by dots, lists of plain values on one line.
func lines(v any, name string, line func(name, value string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, n := range slices.Sorted(maps.Keys(v)) {
			lines(v[n], strings.TrimPrefix(name+"."+n, "."), line)
		}
	case []any:
		var plain []string
		for i, x := range v {
			switch x.(type) {
			case map[string]any, []any:
				lines(x, fmt.Sprintf("%s.%d", name, i+1), line)
			default:
				plain = append(plain, fmt.Sprint(x))
			}
		}
		if len(plain) > 0 {
			line(name, strings.Join(plain, ", "))
		}
	default:
		line(name, fmt.Sprint(v))
	}
}
