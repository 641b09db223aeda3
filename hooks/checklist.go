package hooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// Limits of a checklist.
const (
	maxChecklistItems = 50
	maxLabelLength    = 200 // characters
)

var checklistID = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,40}$`)

// checklistItem is one thing to do on site.
type checklistItem struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Done     bool   `json:"done"`
	Required bool   `json:"required"`
}

// parseChecklist reads a checklist as clients send it. The error is a sentence
// for them. An empty value of any JSON type is an empty list.
func parseChecklist(raw types.JSONRaw) ([]checklistItem, error) {
	switch strings.TrimSpace(string(raw)) {
	case "", "null", `""`, "{}", "[]":
		return []checklistItem{}, nil
	}
	var items []checklistItem
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&items); err != nil {
		return nil, errors.New(`the checklist must be a list of {"id", "label", "done", "required"}, with text for id and label and true or false for the others`)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the checklist must be one list")
	}
	if len(items) > maxChecklistItems {
		return nil, fmt.Errorf("a checklist has at most %d items", maxChecklistItems)
	}
	ids := make(map[string]bool, len(items))
	for i := range items {
		item := &items[i]
		item.Label = strings.TrimSpace(item.Label)
		switch n := utf8.RuneCountInString(item.Label); {
		case !checklistID.MatchString(item.ID):
			return nil, fmt.Errorf("item %d: the id must be 1 to 40 letters, digits, dashes, dots, colons or underscores", i+1)
		case ids[item.ID]:
			return nil, fmt.Errorf("item %d: another item has the same id", i+1)
		case n == 0 || n > maxLabelLength:
			return nil, fmt.Errorf("item %d: the label must have 1 to %d characters", i+1, maxLabelLength)
		}
		ids[item.ID] = true
	}
	return items, nil
}

// checkChecklist normalises the order's checklist, or adds what is wrong with it.
func checkChecklist(order *collections.WorkOrder, problems validation.Errors) {
	items, err := parseChecklist(order.Checklist())
	if err != nil {
		problems[collections.WorkOrderFieldChecklist] = validation.NewError(codeChecklist, sentence(err))
		return
	}
	normal, err := json.Marshal(items)
	if err != nil { // strings and bools always marshal
		problems[collections.WorkOrderFieldChecklist] = validation.NewError(codeChecklist, "Invalid value.")
		return
	}
	order.SetChecklist(types.JSONRaw(normal))
}

// checkChecklistDone adds an error when a required item is not done.
func checkChecklistDone(order *collections.WorkOrder, problems validation.Errors) {
	items, err := parseChecklist(order.Checklist())
	if err != nil {
		return // checkChecklist says so
	}
	open := 0
	for _, item := range items {
		if item.Required && !item.Done {
			open++
		}
	}
	if open == 0 {
		return
	}
	what := "required items of the checklist are"
	if open == 1 {
		what = "required item of the checklist is"
	}
	problems[collections.WorkOrderFieldChecklist] = validation.NewError(codeChecklistOpen,
		fmt.Sprintf("%d %s not done.", open, what))
}

// checkItemsKept adds an error when the lists of two states of an order differ
// in more than what is done. What cannot be read is for [checkChecklist].
func checkItemsKept(order, stored *collections.WorkOrder, problems validation.Errors) {
	before, err := parseChecklist(stored.Checklist())
	if err != nil {
		return
	}
	after, err := parseChecklist(order.Checklist())
	if err != nil {
		return
	}
	if !sameItems(before, after) {
		problems[collections.WorkOrderFieldChecklist] = validation.NewError(codeChecklistLocked,
			"You can mark items as done, but not change the list. It may have changed since you opened it.")
	}
}

// sameItems reports whether the lists differ in nothing but what is done.
func sameItems(a, b []checklistItem) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Label != b[i].Label || a[i].Required != b[i].Required {
			return false
		}
	}
	return true
}

// sentence is the error's text with a capital and a full stop.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
