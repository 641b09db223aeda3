//go:build !linux

package main

import "time"

// wire is a load on one server, see the one for Linux.
type wire struct {
	made      uint64
	keepEvery uint64
	kept      []kept
}

func openWire(string, int, appendRequest) (*wire, error) { return nil, errLinuxOnly }

func (*wire) close() error { return nil }

func (*wire) once(uint64) (kept, error) { return kept{}, errLinuxOnly }

func (*wire) closed(time.Duration) ([]time.Duration, time.Duration, error) {
	return nil, 0, errLinuxOnly
}

func (*wire) offered(float64, time.Duration) ([]time.Duration, time.Duration, error) {
	return nil, 0, errLinuxOnly
}
