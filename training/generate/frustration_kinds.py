"""Sessions for what the other families lack: the same question again in vain, a person asked for,
complaints and calm in eleven languages, and what is told, quoted or handed over to be worked on.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.record import Message, Record

COUNT = 900
#: A request in three wordings, what answers it, what a next request would be.
ASKED = (
    (("When does the museum shop close on Sundays?", "What time does the museum shop close Sundays?",
      "On Sundays, when does the museum shop close?"),
     "It closes at five on Sundays.", "And how much is the entrance for children?"),
    (("Can I pay the parking fine in instalments?", "Is it possible to pay the parking fine in instalments?",
      "Paying the parking fine in instalments, can I do that?"),
     "Yes, in up to three instalments.", "Where do I send the form?"),
    (("How do I export all invoices as one file?", "I want to export all invoices as one file, how?",
      "How can all invoices be exported as one file?"),
     "Choose Reports, then Export all.", "Can I leave out the drafts?"),
    (("Does the blue tent come with a repair kit?", "Is there a repair kit with the blue tent?",
      "The blue tent, does a repair kit come with it?"),
     "It does, in the side pocket.", "How heavy is it?"),
    (("Why was my deposit for the locker not returned?", "My deposit for the locker was not returned, why?",
      "What is the reason my deposit for the locker was not returned?"),
     "It was returned today, by transfer.", "Thanks, to which account?"),
    (("Which vaccine certificate do I need for the ferry?", "What vaccine certificate is needed for the ferry?",
      "For the ferry, which vaccine certificate do I need?"),
     "None since March.", "May I bring a bicycle?"),
)  # fmt: skip
USELESS = (
    "I'm sorry, I didn't understand. Could you rephrase?", "Unfortunately I can't help with that.",
    "I'm afraid I don't know.", "Sorry, something went wrong. Please try again.",
    "I apologize for the inconvenience. Is there anything else?",
)  # fmt: skip
PERSON = (
    "Let me talk to a human, please.", "Connect me to a real person.", "I want to speak to your manager.",
    "Get me a supervisor.", "Can I talk to someone who understands the question?",
)  # fmt: skip
OFFER = (
    "Would you like me to transfer you to a human agent?",
    "I can connect you to a real person.",
)
ACCEPTED = (
    "Yes, transfer me to a human agent please.",
    "Yes, a real person would be good, thank you.",
)
#: Failing and calm, by language.
FOREIGN = (
    (("Das habe ich Ihnen schon zweimal geschickt.", "Ich bin wirklich genervt.", "Das hilft mir nicht weiter.",
      "Vergessen Sie es, ich mache es selbst.", "Was für eine Zeitverschwendung!"),
     ("Wo finde ich die Rechnung vom März?", "Danke, das hat geklappt.", "Können Sie den Termin verschieben?",
      "Bitte schicken Sie mir das Formular.", "Nein, lieber am Dienstag.")),
    (("Je vous l'ai déjà dit hier.", "Je suis vraiment déçue.", "Vous n'avez pas répondu à ma question.",
      "Laissez tomber.", "Quelle perte de temps."),
     ("Où se trouve la gare routière ?", "Merci, c'est parfait.", "Pouvez-vous changer la date ?",
      "Non, plutôt mardi.", "Il me faut deux chambres.")),
    (("Eso no es lo que pregunté.", "Estoy harto de esperar.", "Ya les envié el documento.",
      "Olvídalo, lo hago yo mismo.", "Esto es inaceptable."),
     ("¿Dónde puedo cambiar la contraseña?", "Gracias, muy amable.", "No, mejor el jueves.",
      "Necesito una mesa para cuatro.", "¿Cuánto cuesta el envío?")),
    (("Já expliquei isso três vezes.", "Estou muito irritada.", "Não foi isso que eu pedi.",
      "Isso é um absurdo.", "Desisto."),
     ("Qual é o horário da biblioteca?", "Obrigado, ótimo.", "Não, prefiro sexta.",
      "Quero duas pizzas.", "Como altero o endereço?")),
    (("Non è quello che ho chiesto.", "Sono stufo di aspettare.", "Per la terza volta: il codice non funziona.",
      "Lascia perdere.", "È una vergogna."),
     ("A che ora apre il mercato?", "Grazie, perfetto.", "No, meglio sabato.",
      "Vorrei una camera doppia.", "Quanto costa il biglietto?")),
    (("Dat heb ik al twee keer gezegd.", "Ik ben erg teleurgesteld.", "Voor de derde keer: het werkt niet.",
      "Laat maar.", "Het is echt belachelijk."),
     ("Hoe laat gaat de trein?", "Bedankt, geweldig.", "Nee, liever maandag.",
      "Ik zoek een cadeau.", "Kunt u het adres wijzigen?")),
    (("Я уже отправил документы.", "Сколько можно ждать?", "Это не то, что я спрашивал.",
      "Это издевательство.", "Вы не ответили на вопрос."),
     ("Когда открывается музей?", "Спасибо, отлично.", "Нет, лучше в среду.",
      "Мне нужен билет в Казань.", "Сколько стоит доставка?")),
    (("我已经说过两遍了。", "你们太差劲了。", "还是没解决。", "算了，我自己来。", "答非所问。"),
     ("图书馆几点开门？", "谢谢，太好了。", "不，改到周三。", "我要两张票。", "怎么修改地址？")),
    (("さっきも言いましたよね。", "もういいです。", "まだ届いていません。", "聞いたことと違います。", "うんざりです。"),
     ("美術館は何時に開きますか。", "ありがとうございます。", "いいえ、水曜日にしてください。",
      "切符を二枚お願いします。", "住所を変更したいです。")),
    (("لقد أخبرتك بالفعل.", "هذا غير مقبول.", "للمرة الثالثة، لم يصل الطلب.", "أنا محبط جدا.", "مضيعة للوقت."),
     ("متى يفتح المتحف؟", "شكرا جزيلا.", "لا، الأفضل يوم الأربعاء.", "أريد تذكرتين.", "كم سعر الشحن؟")),
)  # fmt: skip
COMPLAINTS = (
    "I'm fed up with this app", "this is the worst service ever", "you never answer my question",
    "I have been waiting for two hours", "I already told them three times", "this is unacceptable",
)  # fmt: skip
TOLD = (
    "A customer writes: '{c}'. How should I reply?", 'Translate into French: "{c}"',
    "Classify the sentiment of this review: {c}", "Write an email to my landlord saying {c}.",
    "My sister says {c}. What can I tell her?", "What does “{c}” mean in German?",
    "Summarize this ticket:\n> {c}\n> please call back", "Our users complain that {c}. Any ideas?",
    "In my story the hero shouts: {c}! Continue, please.", "Rephrase politely: {c}",
)  # fmt: skip
MILD = (
    "refund please", "cancel my order", "no", "wrong size, I need medium", "where is my parcel?",
    "the app crashes when I open a photo", "I want to return the shoes", "never mind, found it",
    "I'm done with step two, what is next?", "that failed with error 500, what does it mean?",
    "Sorry, I meant the other one.", "not interested, thanks", "Nein, die andere.", "stop",
    "delete the file again", "try again with two columns", "please do it once more for June",
    "is there a human version of this song?", "what is a complaint procedure?", "HELP", "WHY IS THE SKY BLUE",
    "URGENT: my flight leaves in an hour, where do I check in?", "I'm upset about my exam. Any tips to relax?",
)  # fmt: skip
LONG = "Answer in at least three lists of five and keep every list apart from the others please, item {n}."


def generate(rng: Random, built: Built) -> Iterator[Record]:
    for number in range(COUNT):
        for label in (1.0, 0.0):
            yield _record(rng, number, label)


def _record(rng: Random, number: int, label: float) -> Record:
    kind = ("repeats", "person", "foreign", "told", "repeats", "foreign")[number % 6]
    turns: list[str] = []
    (one, two, three), answer, following = rng.choice(ASKED)
    useless = rng.sample(USELESS, 2)
    if kind == "repeats" and label:
        turns = [one, useless[0], rng.choice((one, two))]
        if rng.random() < 0.6:
            turns += [rng.choice(useless), rng.choice((one, three))]
    elif kind == "repeats":
        turns = [one, rng.choice((answer, useless[0])), following]
        if rng.random() < 0.4:
            turns = [
                one,
                answer,
                LONG.format(n=number),
                "Here they are.",
                LONG.format(n=number + 1),
            ]
    elif kind == "person" and label:
        turns = [one, useless[0], rng.choice(PERSON)]
    elif kind == "person":
        turns = [one, rng.choice(OFFER), rng.choice(ACCEPTED)]
        if rng.random() < 0.5:
            turns = [rng.choice(PERSON[:3])]
    elif kind == "foreign":
        failing, calm = rng.choice(FOREIGN)
        first, second = rng.sample(calm, 2)
        last = rng.choice(failing) if label else second
        turns = [first, rng.choice(("OK.", useless[0])), last]
    elif label:
        turns = [one, useless[0], f"{rng.choice(COMPLAINTS).capitalize()}."]
    else:
        told = rng.choice(TOLD).format(c=rng.choice(COMPLAINTS))
        turns = [rng.choice((told, *rng.sample(MILD, 2)))]
    said: list[Message] = [
        {"role": "assistant" if at % 2 else "user", "content": text}
        for at, text in enumerate(turns)
    ]
    return Record("user_frustration", label, f"{'fails' if label else 'calm'}/{kind}", input=said)
