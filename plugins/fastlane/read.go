package fastlane

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/pocketbase/pocketbase/tools/picker"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// workspace is what requests need memory for, one after the other.
type workspace struct {
	arguments []sqlite.Value
	out       []byte
	rows      []byte // before what they are related to is put in
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

func (w *workspace) release() {
	const most = 1 << 20 // what a rare large answer needs is not kept
	clear(w.arguments)
	if cap(w.out) > most {
		w.out = nil
	}
	if cap(w.rows) > most {
		w.rows = nil
	}
	workspaces.Put(w)
}

// each calls use for each row of a statement of a plan. It fails with a reason only.
func (c *call) each(p *plan, s *statement, v *values, w *workspace, use func(columns []string, row []sqlite.Value) error) Reason {
	var ok bool
	if w.arguments, ok = s.with(w.arguments[:0], v); !ok {
		return ReasonPattern
	}
	q := sqlite.Query{Text: s.text, Instead: s.instead, Steady: p.steady, Arguments: w.arguments}
	if !p.bounded {
		q.Timeout = c.plugin.config.QueryTimeout
	}
	if err := sqlite.Rows(c.db.DB(), q, use); err != nil {
		return ReasonRead
	}
	return ""
}

// reader returns what reads rows of a plan with these columns.
func (c *call) reader(p *plan, columns []string) *rowReader {
	if kept := p.reader.Load(); kept != nil && kept.fits(columns) {
		return kept
	}
	made := p.layout.reader(columns, c.plugin.appendValue)
	p.reader.Store(made)
	return made
}

// rows writes the rows of the plan, between commas.
func (c *call) rows(w *workspace) (n int, reason Reason) {
	if len(c.plan.relations) > 0 {
		return c.relatedRows(w)
	}
	reason = c.each(c.plan, c.plan.rows, &c.values, w, func(columns []string, row []sqlite.Value) (err error) {
		if n++; n > 1 {
			w.out = append(w.out, ',')
		}
		w.out, err = c.reader(c.plan, columns).append(w.out, row, c.values.callerID, nil)
		return err
	})
	return n, reason
}

// relatedRows writes them with what they are related to.
func (c *call) relatedRows(w *workspace) (n int, reason Reason) {
	g := newGathering(c.plan.relations)
	if w.rows, reason = c.gather(c.plan, &c.values, w, w.rows[:0], g); reason != "" {
		return 0, reason
	}
	if reason := c.find(g, w); reason != "" {
		return 0, reason
	}
	for n = range g.ends {
		if n > 0 {
			w.out = append(w.out, ',')
		}
		w.out = g.appendRow(w.out, w.rows, n)
	}
	return len(g.ends), ""
}

// view writes one record.
func (c *call) view(w *workspace) (found bool, reason Reason) {
	w.out = w.out[:0]
	n, reason := c.rows(w)
	if reason == "" && n > 0 && c.plan.picks {
		return true, c.pick(w, json.RawMessage(w.out))
	}
	w.out = append(w.out, '\n')
	return n > 0, reason
}

// pick has PocketBase pick fields of an answer.
func (c *call) pick(w *workspace, answer any) Reason {
	picked, err := picker.Pick(answer, c.params.fields)
	if err != nil {
		return ReasonFields
	}
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(picked); err != nil {
		return ReasonFields
	}
	w.out = append(w.out[:0], out.Bytes()...)
	return ""
}

// list writes one page.
func (c *call) list(w *workspace) Reason {
	const items = `{"items":`
	w.out = append(append(w.out[:0], items...), '[')
	n, reason := c.rows(w)
	if reason != "" {
		return reason
	}
	if n == 0 && c.plan.rule != "" && c.params.filter != "" {
		return ReasonNothing
	}
	total, pages := int64(-1), int64(-1)
	if !c.params.skipTotal {
		if total, reason = c.total(w); reason != "" {
			return reason
		}
		pages = (total + int64(c.params.perPage) - 1) / int64(c.params.perPage)
	}
	w.out = append(w.out, ']')
	if c.plan.picks {
		return c.pick(w, &search.Result{
			Items: json.RawMessage(w.out[len(items):]), Page: c.params.page, PerPage: c.params.perPage, TotalItems: int(total), TotalPages: int(pages),
		})
	}
	w.out = append(w.out, `,"page":`...)
	w.out = strconv.AppendInt(w.out, int64(c.params.page), 10)
	w.out = append(w.out, `,"perPage":`...)
	w.out = strconv.AppendInt(w.out, int64(c.params.perPage), 10)
	w.out = append(w.out, `,"totalItems":`...)
	w.out = strconv.AppendInt(w.out, total, 10)
	w.out = append(w.out, `,"totalPages":`...)
	w.out = strconv.AppendInt(w.out, pages, 10)
	w.out = append(w.out, "}\n"...)
	return ""
}

// total counts the rows of all pages.
func (c *call) total(w *workspace) (total int64, reason Reason) {
	counted := false
	reason = c.each(c.plan, c.plan.count, &c.values, w, func(_ []string, row []sqlite.Value) error {
		total, counted = row[0].Integer, row[0].Type == sqlite.Integer
		return nil
	})
	if reason == "" && !counted {
		reason = ReasonRead
	}
	return total, reason
}
