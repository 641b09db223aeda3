package main

import (
	"math"
	"math/rand/v2"
	"slices"
)

// estimate is a median with the interval that holds it with 95 % confidence.
type estimate struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// bootstrap estimates the median of all values by drawing from them again and
// again, always alike. Groups are drawn first and then values within them: two
// processes of one program differ by more than two rounds of one process do.
func bootstrap(groups [][]float64) estimate {
	const draws = 4000
	all := slices.Concat(groups...)
	if len(all) == 0 {
		return estimate{Median: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	random := rand.New(rand.NewPCG(1, uint64(len(all)))) //nolint:gosec // resampling needs no secrecy
	medians := make([]float64, draws)
	for i := range medians {
		drawn := make([]float64, 0, len(all))
		for range groups {
			group := groups[random.IntN(len(groups))]
			for range group {
				drawn = append(drawn, group[random.IntN(len(group))])
			}
		}
		medians[i] = median(drawn)
	}
	slices.Sort(medians)
	return estimate{Median: median(all), Low: medians[draws*25/1000], High: medians[draws*975/1000]}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// verdict compares an estimated ratio with the tolerance.
func verdict(ratio estimate, tolerance float64) string {
	switch limit := 1 + tolerance; {
	case ratio.Low > limit:
		return verdictOver
	case ratio.High <= limit:
		return verdictWithin
	case ratio.Median <= limit:
		return "within, not surely"
	default:
		return "over, not surely"
	}
}

const (
	verdictWithin = "within"
	verdictOver   = "over"
)
