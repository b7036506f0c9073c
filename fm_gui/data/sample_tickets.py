"""A made-up business: support tickets of a web shop, from a small grammar. Seeded, so always the same rows.

Each class has problems told in several ways; places in braces are filled from SLOTS, words swapped for SYNONYMS. Four
in ten tickets also mention a problem of another class that is settled or not theirs to ask about, so the words alone
do not settle the class: it takes reading which of the two is the matter now.
"""

import random
import re

SLOTS: dict[str, tuple[str, ...]] = {
    "item": (
        "headphones",
        "rain jacket",
        "coffee grinder",
        "desk lamp",
        "running shoes",
        "backpack",
        "phone case",
        "kettle",
        "yoga mat",
        "keyboard",
        "blender",
        "sleeping bag",
        "wall clock",
        "bike light",
        "frying pan",
        "hair dryer",
        "tent",
        "monitor stand",
        "scarf",
        "board game",
    ),
    "colour": ("black", "white", "navy", "green", "red", "grey", "yellow"),
    "size": ("S", "M", "L", "XL", "38", "42", "44"),
    "day": (
        "Monday",
        "Tuesday",
        "last week",
        "two weeks ago",
        "on the 3rd",
        "yesterday",
        "nine days ago",
        "before the holidays",
        "this morning",
    ),
    "order": ("order #", "order no. ", "order number ", "ref ", "#", "my order "),
    "carrier": ("the courier", "the driver", "the post office", "the parcel shop", "your delivery partner", "the tracking page"),
    "card": ("Visa", "Mastercard", "PayPal", "debit card", "bank transfer", "gift card"),
    "amount": ("12.90", "49", "129.00", "18,50", "75", "240", "9.99"),
    "part": ("lid", "strap", "charger", "left shoe", "screen", "handle", "zip", "base", "power button", "box"),
    "code": ("SPRING15", "WELCOME10", "FREESHIP", "VIP20", "NEWS5", "SUMMER"),
    "room": ("small flat", "camping trip", "office", "gym bag", "kitchen", "winter in the mountains"),
}

PROBLEMS: dict[str, tuple[str, ...]] = {
    "delivery": (
        "My {item} should have been here {day} and there is still no sign of it",
        "{carrier} says delivered but nobody rang and there is nothing at the door",
        "The tracking has not moved since {day}",
        "Where is my parcel? I was promised {day}",
        "Can you tell me when the {item} will finally arrive",
        "It has been in transit for ages, is it lost",
        "I waited at home all day and {carrier} never came",
        "Still waiting for the second half of {order}{n}",
        "The parcel went to a neighbour I do not know, who has it",
        "Please send it to my new address instead, it has not left yet I think",
    ),
    "damaged": (
        "The {item} arrived broken, the {part} has a crack",
        "Opened the box and the {part} was in pieces",
        "The {item} worked for a day and now it is dead",
        "There is a big scratch on the {part}, this cannot be new",
        "The {part} does not close any more, looks like it was dropped",
        "Parcel was wet and the {item} inside is ruined",
        "It makes a burning smell when I switch it on",
        "The {part} came off the first time I used it",
        "The {item} is faulty, it turns itself off after a minute",
    ),
    "wrong item": (
        "I ordered a {colour} {item} and got a {colour2} one",
        "You sent me a {item2} but I bought a {item}",
        "This is size {size}, I clearly chose {size2}",
        "There is somebody else's {item} in my parcel",
        "The {part} is missing, the box only had half of what the page shows",
        "I paid for two and there is only one {item} in the box",
        "What came is not what is in the picture at all",
        "The label says {item} but inside there was a {item2}",
    ),
    "return": (
        "I would like to send the {item} back, it does not suit me",
        "How do I return {order}{n}, I found no form in the box",
        "Can I still return something bought {day}",
        "The {item} is too small, can I swap it for a {size}",
        "Please send me a return label for the {item}",
        "Who pays the postage if I change my mind",
        "I never opened it and want to give it back",
        "Do you take back a {item} that was a present",
        "I want to exchange the {colour} one for {colour2}",
    ),
    "refund": (
        "You got my {item} back {day} and I have seen no money",
        "When will the {amount} be on my account again",
        "I was only given {amount} back, the postage is missing",
        "The return was confirmed {day} but nothing has been paid to my {card}",
        "I do not want a voucher, I want my money",
        "The refund went to an old {card} that is closed",
        "You promised to pay back {amount} and it has been weeks",
        "Still no credit for {order}{n}",
    ),
    "payment": (
        "My {card} is refused although there is enough on it",
        "I was charged {amount} twice",
        "The page froze after I entered my {card} and now I do not know if I paid",
        "There is a charge of {amount} from you that I do not recognise",
        "Can I pay by {card}, it is not offered",
        "The bank says it went through but you say unpaid",
        "Checkout keeps telling me something went wrong",
        "You took {amount} but no order shows up",
        "Why was I billed {amount} more than the price on the page",
    ),
    "account": (
        "I cannot sign in, it says the password is wrong",
        "The reset mail never arrives, I looked in spam too",
        "Please change the email of my account",
        "My account is locked after three attempts",
        "Somebody logged in from another country, was I hacked",
        "How do I delete my account and all my data",
        "I have two accounts by mistake, can you merge them",
        "The code you text me does not arrive",
        "I want to stop the newsletter but the link asks me to log in",
    ),
    "invoice": (
        "I need an invoice for {order}{n} with my company name",
        "The VAT number is missing on the bill",
        "Please send the receipt again, my tax office wants it",
        "The invoice shows {amount} but I paid something else",
        "Can you make the invoice out to my employer",
        "Where can I download the bill for the {item}",
        "The address on the receipt is the old one",
        "Our accounting needs a PDF for the purchase made {day}",
    ),
    "cancellation": (
        "Please cancel {order}{n}, I ordered by mistake",
        "I clicked buy twice, drop one of them before it ships",
        "I do not need the {item} any more, stop the order please",
        "Can I still take the {item} out of my order",
        "It takes too long, cancel it",
        "Cancel everything I ordered {day}, I found it cheaper",
        "How can I undo an order placed {day}",
        "Do not send the {item}, I changed my mind",
    ),
    "discount": (
        "The code {code} is not accepted",
        "I forgot to enter {code}, can you take it off afterwards",
        "It says {code} has expired but the mail says until the end of the month",
        "Do you have a student discount",
        "The {item} is cheaper today than {day} when I bought it, can you match it",
        "My gift voucher shows a balance of zero",
        "I have points on my account but cannot use them",
        "Does {code} work together with the sale price",
    ),
    "product question": (
        "Does the {item} also come in {colour}",
        "Is the {item} good enough for a {room}",
        "How heavy is the {item}",
        "When will the {item} be back in stock",
        "Can the {part} be bought separately",
        "Is the {item} safe for children",
        "What size should I take if I am between {size} and {size2}",
        "Does it work with 110 volts",
        "What is the difference between the two models of the {item}",
        "Can I wash the {item} in the machine",
    ),
}
SETTLED = (  # a problem of another class that is not the matter now; {other} is its sentence
    "You helped me when I wrote: {other}. All good with that.",
    "My last message ({other}) is done, thank you.",
    "Forget what I asked before: {other}.",
    "{other} - that one is solved.",
    "A colleague of yours already looks into this: {other}.",
    "I am not writing about the old matter, {other}.",
    "Last month it was this: {other}. Now something new.",
    "Unlike my friend, who wrote to you: {other}.",
)
SYNONYMS: dict[str, tuple[str, ...]] = {
    "parcel": ("parcel", "package", "shipment", "delivery", "box"),
    "money": ("money", "cash", "payment", "amount"),
    "cancel": ("cancel", "stop", "call off", "annul"),
    "order": ("order", "purchase", "buy"),
    "ordered": ("ordered", "bought", "asked for", "chose"),
    "bought": ("bought", "purchased", "got", "ordered"),
    "arrived": ("arrived", "came", "got here", "turned up"),
    "broken": ("broken", "smashed", "damaged", "cracked"),
    "invoice": ("invoice", "bill", "receipt", "document"),
    "bill": ("bill", "invoice", "receipt"),
    "return": ("return", "give back", "send back", "bring back"),
    "refund": ("refund", "repayment", "credit", "money back"),
    "account": ("account", "profile", "login"),
    "password": ("password", "pass word", "passcode"),
    "code": ("code", "voucher", "coupon", "promo"),
    "send": ("send", "ship", "post"),
    "missing": ("missing", "not there", "absent", "gone"),
    "charged": ("charged", "billed", "debited"),
    "please": ("please", "pls", "kindly", "could you"),
    "need": ("need", "want", "would like", "must have"),
}
OPENERS = (
    "Hi,",
    "Hello,",
    "Hello there,",
    "Good morning,",
    "Dear team,",
    "hey",
    "To whom it may concern,",
    "Hi again,",
    "Quick question:",
    "Third time I write:",
    "",
)
CONTEXT = (
    "I bought a {item} {day}.",
    "This is about {order}{n}.",
    "I am a customer for years.",
    "({order}{n})",
    "I paid by {card}.",
    "It was meant as a birthday present.",
    "My wife ordered a {item} on my account.",
    "I already called but nobody answered.",
    "The parcel came {day}.",
    "The money was taken {day}.",
    "",
)
ASIDES = (
    "I already tried to log in on another computer.",
    "The delivery was quick by the way.",
    "I do not want to return it.",
    "I still have the receipt.",
    "If that is not possible I want my money back.",
    "Otherwise just cancel it.",
    "The invoice was in the box.",
    "The code worked last time.",
    "Tracking looked fine.",
    "The {item} itself is great.",
    "I paid {amount} for it.",
    "Your site showed an error too.",
    "At least nothing was broken.",
    "",
)
CLOSERS = (
    "Thanks",
    "Thank you in advance.",
    "Please hurry.",
    "Regards, {name}",
    "Kind regards",
    "What now?",
    "Please advise.",
    "I am not happy.",
    "Cheers, {name}",
    "",
)
NAMES = ("Anna", "J. Miller", "Tom", "Priya", "Lena W.", "Mr Okafor", "S. Rossi", "Mei", "Carlos", "Ida")


def tickets(count: int, seed: int = 7) -> list[tuple[str, str]]:
    """(text, label) of ``count`` different tickets, the classes in turn."""
    rng = random.Random(seed)
    classes, found = list(PROBLEMS), {}
    while len(found) < count:
        label = classes[len(found) % len(classes)]
        found.setdefault(_ticket(label, rng), label)
    return list(found.items())


def _ticket(label: str, rng: random.Random) -> str:
    problem = rng.choice(PROBLEMS[label])
    ending = "?" if re.match(r"(?i)(where|can|how|who|do|does|is|when|why|what)\b", problem) else rng.choice((".", ".", "!", ""))
    middle = [rng.choice(CONTEXT) if rng.random() < 0.6 else "", problem + ending]
    if rng.random() < 0.4:
        other = rng.choice(PROBLEMS[rng.choice([name for name in PROBLEMS if name != label])])
        middle[0] = rng.choice(SETTLED).replace("{other}", other)
    if rng.random() < 0.3:
        middle.reverse()
    aside = rng.choice(ASIDES) if rng.random() < 0.5 else ""
    text = " ".join(filter(None, (rng.choice(OPENERS), *middle, aside, rng.choice(CLOSERS) if rng.random() < 0.7 else "")))
    text = re.sub(r"\b[a-z]+\b", lambda word: rng.choice(SYNONYMS.get(word[0], (word[0],))), _fill(text, rng))
    if rng.random() < 0.2:
        text = text.lower()
    return _mistype(text, rng) if rng.random() < 0.35 else text


def _fill(text: str, rng: random.Random) -> str:
    values = {name: rng.choice(choices) for name, choices in SLOTS.items()}
    values |= {name + "2": rng.choice([other for other in SLOTS[name] if other != values[name]]) for name in ("item", "colour", "size")}
    return text.format(**values, n=rng.randrange(10_000, 999_999), name=rng.choice(NAMES))


def _mistype(text: str, rng: random.Random) -> str:
    """One or two slips of the finger inside words: letters swapped, dropped or doubled."""
    for _ in range(rng.choice((1, 1, 2))):
        places = [match.start() for match in re.finditer(r"(?<=[a-z])[a-z](?=[a-z])", text)]
        if places:
            at = rng.choice(places)
            slip = rng.choice((text[at + 1] + text[at], "", text[at] * 2))
            text = text[:at] + slip + text[at + (2 if len(slip) == 2 and slip[0] != slip[1] else 1) :]
    return text
