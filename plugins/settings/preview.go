package settings

import "github.com/pocketbase/pocketbase/core"

// Preview changes s as the next start with this config will. It saves nothing.
func (c Config) Preview(s *core.Settings) {
	c.applyTo(s)
	c.turn(s)
}
