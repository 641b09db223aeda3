package jobs

import "sync"

// signals lets tests wait for what the dispatcher does instead of sleeping. Its
// zero value does nothing.
type signals struct {
	mu   sync.Mutex
	turn func()
}

// turned is called after each turn.
func (s *signals) turned() {
	s.mu.Lock()
	turn := s.turn
	s.mu.Unlock()
	if turn != nil {
		turn()
	}
}
