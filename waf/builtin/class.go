package builtin

// A class is a kind of attack, with up to three rules: one for each confidence.
type class uint8

const (
	sqlInjection class = iota
	noSQLInjection
	crossSiteScripting
	pathTraversal
	fileInclusion
	commandInjection
	codeInjection
	templateInjection
	jndiLookup
	serverSideRequest
	externalEntity
	deserialization
	headerInjection
	directoryInjection
	requestInBody
	loginBatch
	prototypePollution
	scriptUpload
	unsignedToken
	classCount
)

// Points make a verdict: of one value, or of all values of a request together.
const (
	certainPoints = 10
	likelyPoints  = 5
	observePoints = 3
	sumPoints     = 8 // of weak signs in several values
)

// A sign is a pattern that attacks of a class have, and how much it says.
type sign struct {
	class   class
	points  int
	where   place
	form    form
	pattern string
}

// A place is where a sign counts. Prose is what people write: see [context].
type place uint16

const (
	inTarget  place = 1 << iota // path, arguments, their names
	inHeader                    // headers and cookies
	inBody                      // values of forms and JSON, and their names
	inRaw                       // bodies that are none of these
	inFile                      // names of files
	inName                      // names of arguments only
	inProse                     // also in a text that people may well write
	asCommand                   // only in a value whose name says that it is a command
	asPath                      // only in a value whose name says that it is a path
	notSearch                   // but not in what people search for

	inURL = inTarget | inHeader
	inAll = inTarget | inHeader | inBody
)

// A form is the form of a text that a sign is looked for in.
type form uint8

const (
	spaced form = iota
	decoded
	bare
	whole // decoded, with the white space before it
)

// All signs, by class.
func allSigns() []sign {
	var all []sign
	for _, group := range [][]sign{sqlSigns, scriptSigns, pathSigns, commandSigns, codeSigns, otherSigns} {
		all = append(all, group...)
	}
	return all
}
