package fastlane

// Mistakes of the cache of answers that its tests have to notice.
const (
	AnyState  = "answers outlive commits"
	AnyCaller = "answers are given to others"
	AnyPlan   = "answers outlive the collections"
	AnyTime   = "answers outlive the time that they speak of"
)

// BreakCache makes one of the mistakes.
func (p *Plugin) BreakCache(mistake string) {
	switch mistake {
	case AnyState:
		p.ablation.anyState = true
	case AnyCaller:
		p.ablation.anyCaller = true
	case AnyPlan:
		p.ablation.anyPlan = true
	case AnyTime:
		p.ablation.anyTime = true
	}
}

// Fleeting tells whether the rows of a query may be others at another time.
func Fleeting(text string) bool { return (&statement{text: text}).isFleeting() }

// FleetingWith is [Fleeting] with a macro of that name among the arguments.
func FleetingWith(text, name string) bool {
	return (&statement{text: text, arguments: []argument{{value: macro(name)}}}).isFleeting()
}

// The parts of conditional requests.
var (
	TagOf   = tagOf
	Matches = matches
)
