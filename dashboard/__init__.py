"""Pages for staff: an overview of all casinos, and each casino's statistics, configuration and previews.

`access`: permissions; `navigation`: the side bar; `casino_reader`: reads a casino's database; `charts`: numbers by
hour.
"""
