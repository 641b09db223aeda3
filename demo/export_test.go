package demo

// WithoutImages leaves out the drawing of the images, which takes most of the
// time. The records still name them.
func WithoutImages(c Config) Config {
	c.withoutImages = true
	return c
}
