package main

import "context"

// lockStart is nothing: Windows locks files in another way.
func lockStart(context.Context, string) (unlock func(), err error) { return func() {}, nil }
