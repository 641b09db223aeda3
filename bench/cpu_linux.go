package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime is the processor time that a process has used so far, all its
// threads together, to the nanosecond. /proc has it only in hundredths of a
// second.
func cpuTime(pid int) (time.Duration, error) {
	const schedulerClock = 2
	clock := uintptr(^pid<<3 | schedulerClock) // as clock_getcpuclockid makes it
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}

// settleDisk waits until what was written is on the disk, so that nobody waits for what
// another has left.
func settleDisk() { syscall.Sync() }

// residentKB is the memory that a process holds in RAM, in KB.
func residentKB(pid int) (int, error) { return statusKB(pid, "VmRSS:") }

// peakKB is the most that it has held so far.
func peakKB(pid int) (int, error) { return statusKB(pid, "VmHWM:") }

// forgetPeak has the peak begin anew with what the process holds now.
func forgetPeak(pid int) error {
	const peakOnly = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peakOnly), 0)
}

// ownKB is what it holds without files, its program among them: each mapping of a file
// counts for itself, and what is mapped goes when others need the memory.
func ownKB(pid int) (int, error) { return statusKB(pid, "RssAnon:") }

func statusKB(pid int, field string) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	return 0, fmt.Errorf("process %d: no %s", pid, field)
}

// machine describes the processor and the system, without names of hosts.
func machine() (cpu, system string) {
	cpu, system = "unknown", "Linux"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	if release, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(release)) {
			if value, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				system = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return cpu, system
}
