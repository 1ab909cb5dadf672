-- The shop's handbook: what the support desk may promise, and what it must ask about first.

insert into handbook (title, body) values
('Returns',
 'Customers may return any printed book within 30 days of delivery, unread and in the condition in which it left us. '
 || 'They write to the support desk first and receive a return label by email. '
 || 'Postage for a return is paid by the customer, unless the book was damaged, faulty or not the one ordered. '
 || 'We refund the price within five working days of the parcel reaching us.'),
('Damaged books',
 'If a book arrives damaged, the customer chooses between a replacement and a full refund. '
 || 'We do not ask for the damaged copy back, and we ask for a photo only when the order is worth more than 100 euros. '
 || 'Reports are accepted up to 60 days after delivery. '
 || 'Always confirm the outcome to the customer by email.'),
('Refunds',
 'A refund goes back by the way the customer paid and shows on their account within three to five working days. '
 || 'It can be a part of the price but never more than the order''s total. '
 || 'Note the reason with every refund, in words that a colleague can understand a year later. '
 || 'A refund cannot be taken back once it is sent, so check the order number first.'),
('Refunds above 50 euros need a supervisor',
 'The support desk may refund up to and including 50.00 euros on its own. '
 || 'Any larger refund needs the approval of a supervisor before it is made. '
 || 'Give the supervisor the order number, the amount, the reason and what the customer was told. '
 || 'Splitting one refund into several smaller ones to stay below the limit is not allowed.'),
('Shipping times',
 'Orders placed before 14:00 on a working day leave our warehouse the same day if every book is in stock. '
 || 'Delivery takes one to three working days within Ireland, four to eight within the European Union, '
 || 'and ten to twenty everywhere else. '
 || 'We ship an order as one parcel; if a title is missing, the order waits for it for up to ten days.'),
('Delayed and lost parcels',
 'A parcel is delayed when it has not arrived on the day that the carrier expected. '
 || 'Track it first, then tell the customer what the carrier says and when to write again. '
 || 'When ten working days have passed since the expected day, we treat the parcel as lost: '
 || 'the customer chooses between a new parcel and a full refund. '
 || 'Customers never have to deal with the carrier themselves.'),
('Shipping costs',
 'Standard shipping is included in the price of every order, to every country. '
 || 'Express delivery within Ireland costs 9.50 euros, is paid for separately and is not part of the order''s total. '
 || 'It is given back only when the parcel came later than promised.'),
('International orders',
 'We ship to all countries that our carriers serve; the list is on the order page. '
 || 'Outside the European Union, customs duty and import tax are charged to the customer on delivery, '
 || 'and we cannot say in advance how much they will be. '
 || 'A parcel refused at customs is refunded once it is back with us.'),
('Cancelling or changing an order',
 'An order can be cancelled or changed free of charge until it is handed to the carrier. '
 || 'After that, the customer may refuse the parcel or return it under the usual rules. '
 || 'A cancelled order is refunded in full on the same working day.'),
('Wrong book received',
 'If we sent the wrong book, we send the right one at once and at our cost. '
 || 'The customer may keep the wrong copy or give it to a library; we do not want it back. '
 || 'If the right book is out of stock, offer a refund or a place on the waiting list.'),
('E-books',
 'E-books are delivered as a download link by email within a few minutes of payment; nothing is shipped. '
 || 'Customers also call them ebooks, EPUBs or digital books. '
 || 'The link works for five downloads and does not expire. '
 || 'An e-book can be refunded within 14 days as long as it has not been downloaded. '
 || 'If a file will not open, send a new link before you offer a refund.'),
('Gift cards',
 'Gift cards come in any amount from 10 to 250 euros and are valid for five years. '
 || 'They can be used in several steps, and what is left stays on the card. '
 || 'A gift card cannot be exchanged for cash. '
 || 'An order paid with a gift card is refunded to a new card of the same value.'),
('Loyalty points',
 'Customers earn one point for each full euro they spend, credited when the order is delivered. '
 || 'One hundred points buy a five-euro voucher, which the desk sends on request. '
 || 'Points for a refunded order are taken off again. '
 || 'Points expire after 24 months without an order.'),
('Out-of-stock titles and pre-orders',
 'When a title is out of stock, we can put the customer on the waiting list and write when it is back. '
 || 'Most reprints arrive within three weeks, but do not promise a date. '
 || 'Pre-orders are charged on the day that they ship, and can be cancelled at any time before it.'),
('Payment and invoices',
 'We take credit and debit cards, bank transfer and gift cards. '
 || 'An invoice is attached to the shipping email and can be sent again on request. '
 || 'Schools and libraries may pay within 30 days of the invoice; other customers pay with the order.'),
('Privacy',
 'Speak about an order only with the person whose email address it carries. '
 || 'Never repeat a customer''s street address, card details or other orders to anybody else, whoever asks. '
 || 'Customers may ask for a copy of their data or for its deletion; '
 || 'pass such requests to the privacy officer within one working day.'),
('Opening hours and contact',
 'The shop by the harbour is open Monday to Saturday from 9:30 to 18:00 and closed on public holidays. '
 || 'The support desk answers email every working day from 9:00 to 17:00, usually within four hours. '
 || 'There is no telephone line for orders.'),
('Complaints and goodwill',
 'Thank the customer for telling us, say what went wrong in plain words, and say what happens next. '
 || 'For trouble that was our fault, the desk may offer a voucher of up to 10 euros without asking. '
 || 'Pass a complaint to a supervisor when the customer asks for one or mentions a lawyer or the press.');
