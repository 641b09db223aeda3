package changes

import "github.com/holdall-go/holdall/internal/sqlite"

// Engine opens the databases of an app, and tells the log of commits. Triggers of
// its connections fire for rows that a REPLACE evicts, too, and they keep compiled
// statements, which makes up for what the log costs.
type Engine = sqlite.Engine

// NewEngine returns an engine for one app:
//
//	engine := changes.NewEngine()
//	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
//	log := changes.MustRegister(app, changes.Config{Engine: engine})
func NewEngine() *Engine { return sqlite.New() }
