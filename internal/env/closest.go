package env

// closest returns the name in known that name was probably meant to be, "" if
// none is near. Ties go to the first in alphabetical order, so that a message
// does not change between runs.
func closest(name string, known map[string]bool) string {
	nearest, least := "", 1+max(2, len(name)/6)
	for candidate := range known {
		d := distance(name, candidate)
		if d < least || d == least && nearest != "" && candidate < nearest {
			nearest, least = candidate, d
		}
	}
	return nearest
}

// distance is the number of characters to insert, drop, replace or swap with
// their neighbour to get from a to b.
func distance(a, b string) int {
	var before []int // the row before prev, for swaps
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return prev[len(b)]
}
