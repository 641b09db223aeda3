package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// assess counts the rows at stake in every change of the plan.
func (p *Plan) assess(app core.App) error {
	s := store{app}
	for i := range p.Collections {
		c := &p.Collections[i]
		if c.Type == core.CollectionTypeView || c.Action == Add {
			continue
		}
		if c.Action == Drop {
			n, err := s.rows(c.from.Name)
			if err != nil {
				return err
			}
			c.Stake = &Stake{n, "loses " + count(n, "row")}
			continue
		}
		for j := range c.Changes {
			stake, err := s.stakeOf(c, &c.Changes[j])
			if err != nil {
				return err
			}
			c.Changes[j].Stake = stake
		}
	}
	return nil
}

// stakeOf is what a change does to the rows that the collection has, nil for
// nothing.
func (s store) stakeOf(c *CollectionChange, change *Change) (*Stake, error) {
	table := c.from.Name
	switch {
	case change.Subject == SubjectIndex:
		return s.stakeOfIndex(c, change)
	case change.Subject != SubjectField:
		return nil, nil
	case change.Action == Drop || change.Action == Retype:
		n, err := s.held(table, change.from)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return &Stake{0, "no row holds a value"}, nil
		}
		return &Stake{n, "loses the value of " + count(n, "row")}, nil
	case change.Action == Add:
		n, err := s.misfitsOf(table, nil, change.to)
		if err != nil || n == 0 {
			return nil, err
		}
		return &Stake{n, count(n, "row") + " will be blank and cannot be saved until filled"}, nil
	case change.Action == Update:
		return s.stakeOfOptions(table, change)
	}
	return nil, nil
}

func (s store) stakeOfOptions(table string, change *Change) (*Stake, error) {
	if isMultiple(change.from) && !isMultiple(change.to) {
		n, err := s.longer(table, change.from, 1)
		if err != nil {
			return nil, err
		}
		return &Stake{n, keep(n)}, nil
	}
	n, err := s.misfitsOf(table, change.from, change.to)
	if err != nil {
		return nil, err
	}
	if narrows(change.from, change.to) {
		return &Stake{n, count(n, "row") + " " + verb(n, "holds", "hold") + " what is no longer allowed"}, nil
	}
	if n == 0 {
		return nil, nil
	}
	return &Stake{n, count(n, "row") + " " + verb(n, "does", "do") + " not fit and cannot be saved until changed"}, nil
}

func keep(n int64) string {
	if n == 1 {
		return "1 row keeps only the last of its values"
	}
	return fmt.Sprintf("%d rows keep only the last of their values", n)
}

// narrows reports whether a field gives up values, or room for them, that other
// databases may use even if this one does not.
func narrows(from, to core.Field) bool {
	if a, ok := from.(*core.SelectField); ok {
		b := to.(*core.SelectField)
		for _, value := range a.Values {
			if !slices.Contains(b.Values, value) {
				return true
			}
		}
	}
	return maxSelect(to) < maxSelect(from)
}

// maxSelect is the number of values that a field has room for. Only select,
// file and relation fields have the option.
func maxSelect(f core.Field) int {
	option := reflect.ValueOf(f).Elem().FieldByName("MaxSelect")
	if !option.IsValid() || !option.CanInt() {
		return 1
	}
	return max(1, int(option.Int()))
}

// misfitsOf counts the rows that the field to refuses although from accepts
// them; a nil from stands for a new field.
func (s store) misfitsOf(table string, from, to core.Field) (int64, error) {
	switch f := to.(type) {
	case *core.AutodateField:
		return 0, nil
	case *core.TextField:
		if f.PrimaryKey {
			return 0, nil // ids are checked once, when they are given
		}
	case *core.PasswordField: // only the hash is there to look at
		return s.newlyBlank(table, from, requires(to))
	case *core.FileField:
		return s.newlyOutside(table, from, to, requires(to), 0)
	case *core.RelationField:
		return s.newlyOutside(table, from, to, requires(to), f.MinSelect)
	}
	return s.misfits(table, from, to)
}

// newlyOutside counts the rows that hold more or fewer values than to allows,
// for the fields whose values need more than their column to be checked.
func (s store) newlyOutside(table string, from, to core.Field, required bool, min int) (int64, error) {
	total, err := s.newlyBlank(table, from, required)
	if err != nil || from == nil {
		return total, err
	}
	if maxSelect(to) < maxSelect(from) {
		n, err := s.longer(table, from, maxSelect(to))
		if err != nil {
			return 0, err
		}
		total += n
	}
	if relation, ok := from.(*core.RelationField); ok && min > relation.MinSelect {
		n, err := s.shorter(table, from, min)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// newlyBlank counts the rows without a value, if it is new that one is required.
func (s store) newlyBlank(table string, from core.Field, required bool) (int64, error) {
	if !required || (from != nil && requires(from)) {
		return 0, nil
	}
	total, err := s.rows(table)
	if err != nil || from == nil {
		return total, err
	}
	held, err := s.held(table, from)
	return total - held, err
}

// requires reports whether a field must have a value.
func requires(f core.Field) bool {
	required := reflect.ValueOf(f).Elem().FieldByName("Required")
	return required.IsValid() && required.Kind() == reflect.Bool && required.Bool()
}

func (s store) stakeOfIndex(c *CollectionChange, change *Change) (*Stake, error) {
	raw, _ := change.Values[0].New.(string)
	index := dbutils.ParseIndex(raw)
	if !index.Unique {
		return nil, nil
	}
	if old, _ := change.Values[0].Old.(string); old != "" && sameConstraint(dbutils.ParseIndex(old), index) {
		return nil, nil
	}
	n, err := s.duplicates(c.from, c.to, index)
	if err != nil || n == 0 {
		return nil, err
	}
	return &Stake{n, count(n, "row") + " share their values: the index cannot be created"}, nil
}

// sameConstraint reports whether two indexes admit the same rows.
func sameConstraint(a, b dbutils.Index) bool {
	if a.Unique != b.Unique || a.Where != b.Where || len(a.Columns) != len(b.Columns) {
		return false
	}
	for i := range a.Columns {
		if !strings.EqualFold(a.Columns[i].Name, b.Columns[i].Name) || !strings.EqualFold(a.Columns[i].Collate, b.Columns[i].Collate) {
			return false
		}
	}
	return true
}

// count is a number with its noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func verb(n int64, singular, plural string) string {
	if n == 1 {
		return singular
	}
	return plural
}
