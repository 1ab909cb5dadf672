-- What the capstone adds: what sentences of the handbook state, and where its reports are noted.

create table statements (
    source  text not null,  -- article and sentence, as research.py numbers them
    subject text not null,
    value   text not null,
    primary key (source, subject)
);

-- A rule states that there is no exception to it. How many there are, the figures state.
insert into statements (source, subject, value) values
('handbook:cancelling-or-changing-an-order#3', 'cancelled orders that were not refunded', '0'),
('handbook:shipping-times#2', 'parcels within Ireland that took too long', '0'),
('handbook:shipping-times#2', 'parcels within the European Union that took too long', '0'),
('handbook:shipping-times#2', 'parcels to everywhere else that took too long', '0');

create table reports (
    id         integer primary key,
    title      text not null,
    file       text not null,
    sha256     text not null,  -- of the file
    turns      integer not null,  -- calls of Claude, and what they cost
    tokens     integer not null,
    usd        real,  -- null where a model has no price
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
