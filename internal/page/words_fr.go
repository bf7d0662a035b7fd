package page

var french = Words{
	Lang: "fr", Dir: "ltr",

	Title:     "Un instant, s’il vous plaît",
	Detail:    "Ce site s’assure qu’aucun robot n’est à l’œuvre. Votre navigateur s’en charge tout seul.",
	DetailAsk: "Ce site s’assure qu’aucun robot n’est à l’œuvre.",
	Busy:      "Vérification de votre navigateur…",
	Ask:       "Veuillez effectuer la vérification.",
	Human:     "Je ne suis pas un robot",
	Done:      "Vérification réussie. La page se charge…",
	Lost:      "Vérification réussie. Revenez en arrière et renvoyez votre formulaire.",
	Failed:    "La vérification n’a pas abouti.",
	Blocked:   "La vérification n’a pas pu être chargée. Quelque chose la bloque peut-être.",
	Cookies:   "Votre navigateur ne conserve pas les cookies. Autorisez-les pour ce site.",
	NoScript:  "Activez JavaScript pour ce site, puis rechargez la page.",
	Wait:      "Ou appuyez sur le bouton après %s.",
	Early:     "C’était trop tôt. Appuyez sur le bouton dans %s.",
	Again:     "Réessayer",
	Continue:  "Continuer",
	Help:      "Si vous restez bloqué, communiquez au responsable de ce site la référence ci-dessous.",

	Denied:        "Accès refusé",
	DeniedText:    "Pour le moment, ce site n’accepte pas les requêtes provenant de votre adresse réseau.",
	RefusedText:   "Ce site n’accepte pas cette requête en raison de son contenu ou de la façon dont elle a été envoyée.",
	Unavailable:   "Indisponible",
	UncheckedText: "Pour le moment, ce site ne peut pas vérifier votre requête. Veuillez réessayer plus tard.",
	GuardedText:   "Cette page reçoit actuellement trop de requêtes suspectes. Vous pourrez réessayer dans %s.",
	UnmetText:     "Ce site ne peut pas vérifier ici les requêtes provenant de votre adresse réseau. Ouvrez d’abord sa page d’accueil, ou réessayez dans %s.",
	TooMany:       "Trop de requêtes",
	TooManyText:   "Trop de requêtes sont arrivées de votre adresse réseau. Vous pourrez réessayer dans %s.",
	Mistake:       "Si vous pensez qu’il s’agit d’une erreur, communiquez au responsable de ce site la référence ci-dessous.",

	Reference:   "Référence",
	Contact:     "Contact",
	Explanation: "Explication",
	Time:        "Heure",

	second: []string{"une seconde", "%d secondes"},
	minute: []string{"une minute", "%d minutes"},
	hour:   []string{"une heure", "%d heures"},
	plural: oneOther,
}
