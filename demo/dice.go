package demo

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice are the data's chance: equal seeds and names throw the same numbers, so
// that drawing more of one thing does not change another.
type dice struct{ *rand.Rand }

func newDice(seed uint64, name string) dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))                        // a hash never fails
	return dice{rand.New(rand.NewPCG(seed, h.Sum64()))} //nolint:gosec // sample data needs no secrecy
}

// id is a record id in PocketBase's alphabet and length.
func (d dice) id() string { return d.letters(15) }

func (d dice) letters(n int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(text)
}

// chance is true in p of 1 cases.
func (d dice) chance(p float64) bool { return d.Float64() < p }

func (d dice) between(low, high float64) float64 { return low + (high-low)*d.Float64() }

// span is a duration from low to high, in whole seconds.
func (d dice) span(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return (low + time.Duration(d.Int64N(int64(high-low)))).Truncate(time.Second)
}

func oneOf[T any](d dice, of []T) T { return of[d.IntN(len(of))] }
