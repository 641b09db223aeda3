//go:build !linux

package main

import (
	"errors"
	"runtime"
	"time"
)

var errLinuxOnly = errors.New("the benchmark reads the processor time of other processes, which it can only on Linux")

func cpuTime(int) (time.Duration, error) { return 0, errLinuxOnly }
func settleDisk()                        {}
func residentKB(int) (int, error)        { return 0, errLinuxOnly }
func peakKB(int) (int, error)            { return 0, errLinuxOnly }
func forgetPeak(int) error               { return errLinuxOnly }
func ownKB(int) (int, error)             { return 0, errLinuxOnly }
func machine() (cpu, system string)      { return "unknown", runtime.GOOS }
