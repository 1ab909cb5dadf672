-- The bookshop's tables. Money is in integer cents; dates are ISO text.

pragma application_id = 1397247824;  -- 'SHOP' in ASCII, so that another program's file is noticed

create table customers (
    id             integer primary key,
    name           text not null,
    email          text not null unique collate nocase,
    country        text not null,
    loyalty_points integer not null
);

create table books (
    id          integer primary key,
    title       text not null,
    author      text not null,
    format      text not null check (format in ('hardback', 'paperback', 'e-book')),
    price_cents integer not null check (price_cents > 0),
    stock       integer check (stock >= 0)  -- null for e-books, which never run out
);

create table orders (
    id          integer primary key,
    customer_id integer not null references customers (id),
    placed_on   text not null,
    status      text not null check (status in ('processing', 'shipped', 'delivered', 'cancelled')),
    currency    text not null default 'EUR'
);
create index orders_of_customer on orders (customer_id);

create table order_lines (
    order_id    integer not null references orders (id),
    book_id     integer not null references books (id),
    quantity    integer not null check (quantity > 0),
    price_cents integer not null,  -- of one copy, on the day of the order
    primary key (order_id, book_id)
);

create table shipments (
    order_id        integer primary key references orders (id),
    carrier         text not null,
    tracking_number text not null unique,
    status          text not null check (status in ('in transit', 'delayed', 'delivered')),
    last_seen       text not null,
    shipped_on      text not null,
    expected_on     text not null,
    delivered_on    text
);

create table refunds (
    id           integer primary key,
    order_id     integer not null references orders (id),
    amount_cents integer not null check (amount_cents > 0),
    reason       text not null,
    created_at   text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

create table emails (
    id         integer primary key,
    to_address text not null,
    subject    text not null,
    body       text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

create table pickups (
    id         integer primary key,
    order_id   integer not null references orders (id),
    day        text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

create table tickets (
    id       integer primary key,
    question text not null
);

create table answers (
    id         integer primary key,
    ticket_id  integer not null references tickets (id),
    text       text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

create virtual table handbook using fts5 (title, body, tokenize = 'porter unicode61');
