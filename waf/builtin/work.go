package builtin

// Units of work, of which about two take a nanosecond. A request that needs more than
// maxWork, or than it is allowed, is looked at in part.
const (
	maxWork = 1_800_000

	workOfValue = 110 // of any value
	workOfLook  = 200 // of one that may have signs, beside its bytes
	workOfSigns = 1000
	workOfSign  = 50
	workOfHit   = 60 // of a literal that is there

	// Of each byte.
	workOfKind  = 2  // to tell its kind
	workOfByte  = 14 // to be decoded, and to be searched for literals
	workOfLayer = 8  // of a further layer of escapes
	workOfBare  = 6
	workOfProse = 12
	workOfMatch = 6  // of a table
	workOfWords = 60 // in which words are counted
)

// Allow says how many units of work the request may take.
func (w *watch) Allow(units int) { w.most = min(units, maxWork) }

// Work returns the units of work so far.
func (w *watch) Work() int { return w.work }

// isSpent reports whether the request has used all its units of work.
func (w *watch) isSpent() bool {
	w.over = w.over || w.work > w.most
	return w.over
}

// scans takes what it costs to look at each byte of a text once, unless all is spent.
func (w *watch) scans(s []byte) bool {
	if w.isSpent() {
		return false
	}
	w.work += len(s) * workOfKind
	return true
}

// spend takes from what patterns may cost.
func (w *watch) spend(cost int) bool {
	if w.matches -= cost; w.matches < 0 || w.isSpent() {
		w.over = true
		return false
	}
	w.work += workOfSign + cost*workOfMatch
	return true
}
