package push

import "context"

type lane struct{}

func (p *Plugin) send(ctx context.Context)   { <-ctx.Done() }
func (p *Plugin) retain(ctx context.Context) { <-ctx.Done() }
