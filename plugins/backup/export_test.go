package backup

import "time"

// SlowDisk makes each part of the log of data.db take so long to be moved.
func SlowDisk(p *Plugin, takes time.Duration) { p.shipments[0].slowness.Store(int64(takes)) }

// LastSteps tells of those times that writers of data.db were shut out: how many bytes
// of the log were at most left, how often it was, and how often nobody wrote meanwhile.
func LastSteps(p *Plugin) (left, times, undisturbed int64) {
	s := p.shipments[0]
	return s.rest.Load(), s.renewals.Load(), s.undisturbed.Load()
}

// Turns is how often the capture of data.db has let others run.
func Turns(p *Plugin) int64 { return p.shipments[0].turns.count.Load() }

// SlowCapture makes each page of data.db take so long to be captured, few pages at a
// time, and a log of most pages a long one.
func SlowCapture(p *Plugin, takes time.Duration, most int64) {
	s := p.shipments[0]
	s.captureBytes.Store(most / 20 * s.frame())
	s.mostPages.Store(most)
	s.turns.slow.Store(int64(takes))
}
