-- The queue of a busy month: 300 questions about the orders, books and rules that there are. Made
-- by arithmetic, so that everybody has the same; nobody asks twice for the refund of an order.

insert into tickets (id, question)
with recursive numbers (n) as (
    select 1 union all select n + 1 from numbers where n < 300
)
select n, case
    when n % 10 = 4 and exists (
        select 1 from orders o where o.id = 1001 + n / 10 and o.status = 'delivered'
    ) then 'Order ' || (1001 + n / 10) || ' arrived damaged. Please refund it.'
    when n % 5 = 0 then 'What does the handbook say about ' || (
        select lower(title) from handbook where rowid = 1 + (n / 5) % 18
    ) || '?'
    when n % 5 = 1 then 'Who placed order ' || (1001 + (n * 7) % 60) || '?'
    when n % 5 = 2 then 'What is in order ' || (1001 + (n * 11) % 60) || '?'
    when n % 5 = 3 then 'Is “' || (
        select title from books where id = 1 + n % 25
    ) || '” in stock?'
    else 'How much was order ' || (1001 + (n * 13) % 60) || '?'
end
from numbers;
