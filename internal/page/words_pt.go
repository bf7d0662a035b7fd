package page

var portuguese = Words{
	Lang: "pt", Dir: "ltr",

	Title:     "Um momento, por favor",
	Detail:    "Este site verifica que não se trata de um bot. O seu navegador faz isso sozinho.",
	DetailAsk: "Este site verifica que não se trata de um bot.",
	Busy:      "A verificar o seu navegador…",
	Ask:       "Conclua a verificação, por favor.",
	Human:     "Não sou um robô",
	Done:      "Verificação concluída. A página está a carregar…",
	Lost:      "Verificação concluída. Volte atrás e envie o formulário de novo.",
	Failed:    "A verificação não funcionou.",
	Blocked:   "Não foi possível carregar a verificação. Talvez algo a bloqueie.",
	Cookies:   "O seu navegador não guarda cookies. Permita-os para este site, por favor.",
	NoScript:  "Ative o JavaScript para este site e recarregue a página, por favor.",
	Wait:      "Ou prima o botão após %s.",
	Early:     "Ainda é cedo. Prima o botão dentro de %s.",
	Again:     "Tentar de novo",
	Continue:  "Continuar",
	Help:      "Se não conseguir avançar, indique ao responsável por este site a referência abaixo.",

	Denied:        "Acesso negado",
	DeniedText:    "De momento, este site não aceita pedidos do seu endereço de rede.",
	RefusedText:   "Este site não aceita este pedido, devido ao seu conteúdo ou à forma como foi enviado.",
	Unavailable:   "Indisponível",
	UncheckedText: "De momento, este site não consegue verificar o seu pedido. Tente de novo mais tarde, por favor.",
	GuardedText:   "De momento, esta página recebe demasiados pedidos suspeitos. Pode tentar de novo dentro de %s.",
	UnmetText:     "Este site não consegue verificar aqui os pedidos do seu endereço de rede. Abra primeiro a página principal, ou tente de novo dentro de %s.",
	TooMany:       "Demasiados pedidos",
	TooManyText:   "Chegaram demasiados pedidos do seu endereço de rede. Pode tentar de novo dentro de %s.",
	Mistake:       "Se acha que se trata de um engano, indique ao responsável por este site a referência abaixo.",

	Reference:   "Referência",
	Contact:     "Contacto",
	Explanation: "Explicação",
	Time:        "Hora",

	second: []string{"um segundo", "%d segundos"},
	minute: []string{"um minuto", "%d minutos"},
	hour:   []string{"uma hora", "%d horas"},
	plural: oneOther,
}
