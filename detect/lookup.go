package detect

import "net/http"

// People look things up by a code, too: a voucher, the number of a parcel, of an order or
// of a booking. Hundreds do so from behind one address, and many such codes are not there
// yet, or not any more. So these codes are counted apart from those by which people log in,
// and the ones that the site has tell who looks up his own from who tries at random.

// codeKind returns the kind of a code that was posted in a field of its own: people log in
// by it where the field's name or the path says so, or where HTTP says that it is no right
// credential.
func (v *view) codeKind() string {
	if v.body.isFactor || takesCodes(v.path()) || v.evt.Status == http.StatusUnauthorized {
		return kindCode
	}
	return kindLookup
}

// lookupResult returns what came of a code that was looked up: the site has it, or not.
func (v *view) lookupResult() string {
	switch result := v.codeOutcome(); {
	case result == loginFailure:
		return loginFailure
	case result == loginSuccess, v.isFine() && v.isPlace(placeDenies):
		return loginFound
	}
	return ""
}

// lookups are words for what is looked up, in the paths of those who do.
var lookups = []string{
	"voucher", "coupon", "gift", "promo", "discount", "redeem", "gutschein", "track", "parcel", "package", "shipment", "shipping", "delivery", "sendung", "paket",
	"order", "booking", "reservation", "invoice",
}
