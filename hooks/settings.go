package hooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// maxSLAHours is a year.
const maxSLAHours = 24 * 365

// defaultSLAHours are the hours until an order is due where the organization
// does not say.
var defaultSLAHours = map[string]float64{
	collections.WorkOrderPriorityLow:    120,
	collections.WorkOrderPriorityNormal: 48,
	collections.WorkOrderPriorityHigh:   8,
	collections.WorkOrderPriorityUrgent: 2,
}

// workOrderPriority is that of an order in a request or an answer.
type workOrderPriority string

// Enum lists them for whoever describes the routes.
func (workOrderPriority) Enum() []string {
	return []string{
		collections.WorkOrderPriorityLow, collections.WorkOrderPriorityNormal,
		collections.WorkOrderPriorityHigh, collections.WorkOrderPriorityUrgent,
	}
}

// settings are what an organization decides for itself.
type settings struct {
	SLAHours map[string]float64 `json:"slaHours,omitempty"`
}

// parseSettings reads settings as clients send them. The error is a sentence for them.
func parseSettings(raw types.JSONRaw) (settings, error) {
	var result settings
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", `""`, "{}":
		return result, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&result); err != nil {
		return result, fmt.Errorf(`the settings must be an object with nothing but "slaHours", an object of hours by priority`)
	}
	for priority, hours := range result.SLAHours {
		if _, known := defaultSLAHours[priority]; !known {
			return result, fmt.Errorf("slaHours has hours for low, normal, high and urgent only")
		}
		if hours <= 0 || hours > maxSLAHours {
			return result, fmt.Errorf("slaHours.%s must be more than 0 and at most %d", priority, maxSLAHours)
		}
	}
	return result, nil
}

// slaTime is how long an order of the priority may take.
func slaTime(raw types.JSONRaw, priority string) time.Duration {
	own, err := parseSettings(raw)
	hours, set := own.SLAHours[priority]
	if err != nil || !set {
		hours = defaultSLAHours[priority]
	}
	return time.Duration(hours * float64(time.Hour))
}
