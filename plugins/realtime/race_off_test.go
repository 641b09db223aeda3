//go:build !race

package realtime_test

const slowdown = 1
