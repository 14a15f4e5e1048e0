"""The vocabulary values are made of; e-mail domains and hosts are reserved ones only."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Ada Adam Aisha Alma Amir Anna Anton Aya Ben Carla Chen Clara Daniel Diego Elena Elias "
    "Emma Erik Eva Farah Felix Finn Gita Hana Hugo Ida Ines Ivan Jana Jin Jonas Julia Kai "
    "Karim Lara Leo Lena Lina Luca Maria Marta Max Mei Mia Milan Mina Nadia Nils Nina Noah "
    "Nora Olga Omar Oscar Paul Petra Rosa Sam Sara Sofia Tariq Theo Vera Zoe"
)
LAST_NAMES = _words(
    "Abe Adler Ahmed Ali Almeida Andersen Bauer Berg Blanc Brandt Brown Carlsen Castro Chen "
    "Costa Dahl Dias Dubois Evans Fischer Ford Garcia Gomez Gupta Haas Hansen Ibrahim Ivanov "
    "Jansen Johansson Kaur Keller Khan Kim Klein Kovac Lang Larsen Lee Lopez Martin Meyer "
    "Miller Mori Moreau Nguyen Novak Olsen Park Patel Pereira Petrov Rossi Ruiz Sato Schmidt "
    "Silva Singh Smith Tanaka Torres Vogel Weber Wong"
)
DOMAINS = ("example.com", "example.org", "example.net")

# Country code, city, currency, time zone and country that belong together.
PLACES = (
    ("DE", "Berlin", "EUR", "Europe/Berlin", "Germany"),
    ("DE", "Hamburg", "EUR", "Europe/Berlin", "Germany"),
    ("FR", "Lyon", "EUR", "Europe/Paris", "France"),
    ("FR", "Paris", "EUR", "Europe/Paris", "France"),
    ("ES", "Madrid", "EUR", "Europe/Madrid", "Spain"),
    ("IT", "Turin", "EUR", "Europe/Rome", "Italy"),
    ("NL", "Utrecht", "EUR", "Europe/Amsterdam", "Netherlands"),
    ("PT", "Porto", "EUR", "Europe/Lisbon", "Portugal"),
    ("SE", "Uppsala", "SEK", "Europe/Stockholm", "Sweden"),
    ("DK", "Aarhus", "DKK", "Europe/Copenhagen", "Denmark"),
    ("PL", "Gdansk", "PLN", "Europe/Warsaw", "Poland"),
    ("CH", "Basel", "CHF", "Europe/Zurich", "Switzerland"),
    ("GB", "Leeds", "GBP", "Europe/London", "United Kingdom"),
    ("GB", "London", "GBP", "Europe/London", "United Kingdom"),
    ("US", "Boston", "USD", "America/New_York", "United States"),
    ("US", "Denver", "USD", "America/Denver", "United States"),
    ("US", "Portland", "USD", "America/Los_Angeles", "United States"),
    ("CA", "Toronto", "CAD", "America/Toronto", "Canada"),
    ("BR", "Curitiba", "BRL", "America/Sao_Paulo", "Brazil"),
    ("MX", "Puebla", "MXN", "America/Mexico_City", "Mexico"),
    ("IN", "Pune", "INR", "Asia/Kolkata", "India"),
    ("JP", "Osaka", "JPY", "Asia/Tokyo", "Japan"),
    ("KR", "Busan", "KRW", "Asia/Seoul", "South Korea"),
    ("AU", "Perth", "AUD", "Australia/Perth", "Australia"),
)
LOCALES = _words("en de fr es it nl pt sv")
STREETS = (
    "Station Road", "Mill Lane", "Park Street", "Harbour Street", "Oak Avenue", "Church Lane",
    "Garden Street", "River Road",
)  # fmt: skip

ADJECTIVES = _words(
    "Bright Calm Clear Compact Cosy Daily Deep Early Fine Fresh Gentle Golden Grand Green "
    "Light Little Modern Natural Noble Northern Plain Pure Quick Quiet Simple Slim Smart Soft "
    "Solid Steady Warm Wild"
)
MATERIALS = _words(
    "Ash Bamboo Ceramic Copper Cotton Glass Leather Linen Marble Oak Paper Steel Stone Walnut "
    "Wool Zinc"
)
GOODS = _words(
    "Backpack Basket Blanket Bowl Chair Clock Desk Lamp Mirror Mug Notebook Pillow Rug Shelf "
    "Stool Vase"
)
COLORS = _words("black blue brown green grey orange red white")

TOPICS = _words(
    "architecture art astronomy baking biology books chemistry cinema climate cooking cycling "
    "dance data design drawing economy energy fashion film fitness food football gardening "
    "geography health hiking history languages law literature maths medicine music nature "
    "networks painting philosophy photography physics poetry politics psychology running "
    "sailing science security skiing society software space sport statistics teaching theatre "
    "travel typography video weather wildlife wine woodwork writing yoga zoology"
)
SHELVES = _words(
    "Furniture Kitchen Bedroom Office Garden Lighting Storage Textiles Bathroom Outdoor Books "
    "Toys Tools Travel Decoration Stationery"
)
ROLES = _words(
    "admin editor author moderator viewer support billing analyst auditor operator guest owner"
)
PERMISSIONS = _words("read write publish delete invite export refund configure")
COMPANY_ENDINGS = _words("Works Group Partners Studio Labs Trading Foundry Systems")

SUBJECTS = (
    "The team", "A reader", "Our neighbour", "The editor", "Nobody here", "A good friend",
    "The author", "Everyone at the table", "The workshop", "An old map", "The new release",
    "A short walk", "The last chapter", "This recipe", "The first draft", "A second look",
)  # fmt: skip
VERBS = (
    "explains", "remembers", "compares", "questions", "improves", "describes", "follows",
    "borrows", "collects", "repairs", "measures", "sketches", "translates", "prepares", "shares",
    "revisits",
)  # fmt: skip
OBJECTS = (
    "the plan for the season", "what was left unsaid", "a better way to work", "three small tools",
    "the notes from last week", "an idea worth keeping", "the road along the coast",
    "how it all began", "the cost of waiting", "a simple kitchen table", "the view from the hill",
    "two old photographs", "a question of taste", "the weather of the north",
    "what the numbers say", "a long evening",
)  # fmt: skip
HEADLINES = (
    "Notes on", "A guide to", "What we learned about", "The case for", "First steps in",
    "Rethinking", "An evening with", "Ten thoughts on", "Beyond", "The quiet side of",
    "Understanding", "A history of", "Why we love", "The future of", "Letters about", "Living with",
)  # fmt: skip
